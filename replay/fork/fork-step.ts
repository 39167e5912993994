// A fork after a step: what a new run has to begin with so that it goes on as its parent did.
//
// 1. The optimizer's state is stored at some steps only; between them it is derived from the stored
//    gradients by the learner's own recovery, which checks every hash on the way (I3).
// 2. Everything else that a step draws on is a function of the settings and the step's number
//    (tasks, learning rate, random numbers, order of minibatches), or is taken along: the policies
//    that a lag reaches back to, and the policy that KL is measured to.
import {
  evaluationsBefore,
  learnerMachine,
  type RecoveryParts,
  recoverState,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  anchorOf,
  type EventData,
  type EventEnvelope,
  type HashName,
  namedBlobs,
  type Parent,
  streams,
} from "../../events/index.ts";
import { foldStream } from "../../runtime/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { ForkError } from "./errors.ts";
import {
  earlierPolicies,
  type LearnedStep,
  learnedSteps,
  nearestDerivable,
} from "./learned-steps.ts";
import { positionOf } from "./position.ts";

/** What a fork says that it begins with. */
export interface ForkNames {
  /** The parent's checkpoint. */
  readonly base: HashName;
  readonly policy: HashName;
  readonly optimizer: HashName;
  readonly parent: Parent;
}

/** What a fork begins with. */
export interface ForkStart extends ForkNames {
  /** What has to be stored with it: everything that `parent`, policy and optimizer name. */
  readonly blobs: readonly Uint8Array[];
}

export type ForkReader = Pick<LedgerReader, "readStream" | "readRows" | "readAll" | "blobs">;

export interface StepPlace {
  readonly reader: ForkReader;
  /** The run's own name. */
  readonly run: string;
  readonly started: EventData<"run.started">;
  readonly step: number;
  /** The fork's settings. */
  readonly config: RunConfig;
}

export interface StepForkOptions<S> extends StepPlace {
  /** What reads the run's weights; it is given a policy of the run. */
  readonly weightsOf: (policy: Uint8Array) => Omit<RecoveryParts<S>, "readBlob">;
}

/** Gathers what a fork after `step` begins with. @throws {ForkError} */
export async function forkAtStep<S>(options: StepForkOptions<S>): Promise<ForkStart> {
  const { reader } = options;
  const { names, from, learner } = await namesAtStep(options);
  const policies = [...new Set([names.policy, ...namedBlobs(names.parent)])];
  const optimizer = await optimizerOf(options, learner, from);
  const stored = await Promise.all(policies.map((name) => blobOf(reader, name)));
  return { ...names, blobs: [...stored, optimizer] };
}

/** What a fork after `step` says that it begins with. @throws {ForkError} */
export async function namesAtStep({ reader, run, started, step, config }: StepPlace): Promise<{
  readonly names: ForkNames;
  readonly from: LearnedStep;
  readonly learner: readonly EventEnvelope[];
}> {
  const learner = await reader.readStream(streams.learner(run));
  const steps = learnedSteps(started, learner);
  const from = steps.find((one) => one.step === step);
  if (from === undefined) throw new ForkError(unknownStep(run, step, steps));
  if (step >= config.run.steps) {
    throw new ForkError(
      `nothing is left after step ${step}: run.steps is ${config.run.steps}; ask for more with ` +
        `--steps ${step + 1} or above`,
    );
  }
  if (!from.derivable) throw new ForkError(lostOptimizer(step, steps));
  const earlier = earlierPolicies(started, steps, step, config.rollout.policyLag);
  if (earlier === null) {
    throw new ForkError(
      `rollout.policy_lag = ${config.rollout.policyLag} reaches back to policies that ${run} does ` +
        `not hold: fork ${started.parent?.run ?? "its parent"}, or a later step`,
    );
  }
  const anchor = anchorOf(started);
  const place =
    from.seq === 0
      ? { stream: streams.run(run), seq: 1 }
      : { stream: streams.learner(run), ...from };
  const evaluations = evaluationsBefore(config, step);
  const at = { type: "step", step, evaluations, anchor, earlier } as const;
  const { policy, optimizer } = from;
  const parent = { run, ...(await positionOf(reader, place)), at };
  return { names: { base: started.base, policy, optimizer, parent }, from, learner };
}

async function optimizerOf<S>(
  { reader, run, weightsOf }: StepForkOptions<S>,
  learner: readonly EventEnvelope[],
  from: LearnedStep,
): Promise<Uint8Array> {
  if (from.stored) return blobOf(reader, from.optimizer);
  const parts = weightsOf(await blobOf(reader, from.policy));
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const behind = learner.filter(({ seq }) => seq <= from.seq);
  const { context } = foldStream(learnerMachine, streams.learner(run), behind);
  const { optimizer } = await recoverState({ ...parts, readBlob }, context);
  return parts.optimizer.encode(optimizer);
}

async function blobOf({ blobs }: Pick<ForkReader, "blobs">, name: HashName): Promise<Uint8Array> {
  const bytes = await blobs.get(name);
  if (bytes === null) throw new ForkError(`${name} is no longer stored: fork at another step`);
  return bytes;
}

function unknownStep(run: string, step: number, steps: readonly LearnedStep[]): string {
  const [first, last] = [steps[0]?.step ?? 0, steps.at(-1)?.step ?? 0];
  const known = first === last ? `it stands at step ${first}` : `it has steps ${first} to ${last}`;
  return `${run} has no policy after step ${step}: ${known}`;
}

function lostOptimizer(step: number, steps: readonly LearnedStep[]): string {
  const near = nearestDerivable(steps, step).join(" or ");
  return (
    `the optimizer after step ${step} was not stored, and the gradients that lead to it were above ` +
    `storage.gradient_bytes_max: fork at step ${near}`
  );
}
