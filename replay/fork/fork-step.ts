// A fork after a step: what a new run has to begin with so that it goes on as its parent did.
//
// 1. The optimizer's state is stored at some steps only; between them it is derived from the stored
//    gradients by the learner's own recovery, which checks every hash on the way (I3).
// 2. Everything else that a step draws on is a function of the settings and the step's number
//    (tasks, learning rate, random numbers, order of minibatches), or is taken along: the policies
//    that a lag reaches back to, the policy that KL is measured to, and the baseline that the
//    parent has played.
// 3. Of a run that was pruned only what is there counts; what is not is named, with the rule.
import {
  evaluationsBefore,
  learnerMachine,
  type RecoveryParts,
  recoverState,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  anchorOf,
  assert,
  type EventData,
  type EventEnvelope,
  type HashName,
  hashName,
  namedBlobs,
  type Parent,
  streams,
} from "../../events/index.ts";
import { foldStream } from "../../runtime/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { baselineOf } from "./baseline.ts";
import { ForkError } from "./errors.ts";
import { Holdings } from "./holdings.ts";
import { earlierPolicies, type LearnedStep, learnedSteps, nearestTo } from "./learned-steps.ts";
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

export type ForkReader = Pick<
  LedgerReader,
  "listStreams" | "readStream" | "readRows" | "readAll" | "blobs"
>;

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
  const { reader, run, started } = options;
  const learner = await reader.readStream(streams.learner(run));
  const holdings = await Holdings.open(reader, started, learner);
  const { names, from, baseline, mend } = await namesAtStep(options, learner, holdings);
  const own = baseline && hashName(baseline);
  const named = new Set([names.policy, ...namedBlobs(names.parent)]);
  const policies = [...named].filter((name) => name !== own);
  const take = (name: HashName) => holdings.take(name, "the policy", mend);
  const optimizer = from.stored
    ? await holdings.take(from.optimizer, "the optimizer", mend)
    : await derivedOptimizer(options, asTheyAre(learner, holdings), from);
  const blobs = [...(await Promise.all(policies.map(take))), optimizer];
  return { ...names, blobs: baseline === null ? blobs : [...blobs, baseline] };
}

/**
 * What a fork after `step` says that it begins with.
 * @param holdings null: whether it is still there does not matter
 * @throws {ForkError}
 */
export async function namesAtStep(
  { reader, run, started, step, config }: StepPlace,
  learner: readonly EventEnvelope[],
  holdings: Holdings | null,
): Promise<{
  readonly names: ForkNames;
  readonly from: LearnedStep;
  readonly baseline: Uint8Array | null;
  /** In words: which other steps can be forked. */
  readonly mend: string;
}> {
  const { policyLag } = config.rollout;
  const steps = learnedSteps(started, learner, holdings?.gone);
  const from = steps.find((one) => one.step === step);
  if (from === undefined) throw new ForkError(unknownStep(run, step, steps));
  if (step >= config.run.steps) {
    throw new ForkError(
      `nothing is left after step ${step}: run.steps is ${config.run.steps}; ask for more with ` +
        `--steps ${step + 1} or above`,
    );
  }
  const earlierOf = (one: number) => earlierPolicies(started, steps, one, policyLag);
  const isWhole = (one: LearnedStep) =>
    one.missing === null && earlierOf(one.step)?.every((name) => !holdings?.gone.has(name));
  const near = nearestTo(
    step,
    steps.filter(isWhole).map((one) => one.step),
  );
  const mend = near.length === 0 ? "no step of it is whole" : `fork at step ${near.join(" or ")}`;
  if (from.missing !== null) throw new ForkError(`${lostWords(from, holdings)}; ${mend}`);
  const earlier = earlierOf(step);
  if (earlier === null) {
    throw new ForkError(
      `rollout.policy_lag = ${policyLag} reaches back to policies that ${run} does ` +
        `not hold: fork ${started.parent?.run ?? "its parent"}, or a later step`,
    );
  }
  const anchor = anchorOf(started);
  const place =
    from.seq === 0
      ? { stream: streams.run(run), seq: 1 }
      : { stream: streams.learner(run), ...from };
  const evaluations = evaluationsBefore(config, step);
  const baseline = await baselineOf({ reader, run, config });
  const carried = baseline && { baseline: hashName(baseline) };
  const at = { type: "step", step, evaluations, anchor, earlier, ...carried } as const;
  const { policy, optimizer } = from;
  const parent = { run, ...(await positionOf(reader, place)), at };
  return { names: { base: started.base, policy, optimizer, parent }, from, baseline, mend };
}

async function derivedOptimizer<S>(
  { reader, run, weightsOf }: StepForkOptions<S>,
  learner: readonly EventEnvelope[],
  from: LearnedStep,
): Promise<Uint8Array> {
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const bytes = await readBlob(from.policy);
  assert(bytes !== null, "a step without its policy is refused");
  const parts = weightsOf(bytes);
  const behind = learner.filter(({ seq }) => seq <= from.seq);
  const { context } = foldStream(learnerMachine, streams.learner(run), behind);
  const { optimizer } = await recoverState({ ...parts, readBlob }, context);
  return parts.optimizer.encode(optimizer);
}

/** The events of a learner that has stored only what is still there. */
function asTheyAre(
  learner: readonly EventEnvelope[],
  { gone }: Holdings,
): readonly EventEnvelope[] {
  return learner.map((event) => {
    if (event.type !== "policy.updated") return event;
    const data = event.data as EventData<"policy.updated">;
    const isHere = ![data.policyAfter, data.optimizerAfter].some((name) => gone.has(name));
    return { ...event, data: { ...data, optimizerStored: data.optimizerStored && isHere } };
  });
}

function unknownStep(run: string, step: number, steps: readonly LearnedStep[]): string {
  const [first, last] = [steps[0]?.step ?? 0, steps.at(-1)?.step ?? 0];
  const known = first === last ? `it stands at step ${first}` : `it has steps ${first} to ${last}`;
  return `${run} has no policy after step ${step}: ${known}`;
}

/** Why a fork cannot begin with what `from` came to. */
function lostWords({ step, policy, missing }: LearnedStep, holdings: Holdings | null): string {
  const optimizer = `the optimizer after step ${step}`;
  if (missing === null || !holdings?.gone.has(missing)) {
    return (
      `${optimizer} was not stored, and the gradients that lead to it were above ` +
      "storage.gradient_bytes_max"
    );
  }
  const why = `${missing} ${holdings.why(missing)}`;
  return missing === policy
    ? `the policy after step ${step}, ${why}`
    : `${optimizer} is not here and does not follow from what is: ${why}`;
}
