// Which batches and updates the learner takes. Pure.
import type { SnapshotFrom } from "xstate";
import { type EventData, event, type HashName } from "../../events/index.ts";
import type { ActorCommand, Decision } from "../../runtime/index.ts";
import { assembleBatch, type BatchSettings, type JudgedTrajectory } from "./batch.ts";
import type { learnerMachine } from "./machine.ts";

/** All trajectories of a step are judged: learn from them. */
export interface AssembleCommand extends ActorCommand {
  readonly type: "assemble";
  readonly step: number;
  readonly policy: HashName;
  /** With a policy lag: what the step was played with. */
  readonly played?: HashName | undefined;
  /** The optimizer's state before the step; the first step takes the run's initial one. */
  readonly optimizer: HashName;
  readonly trajectories: readonly JudgedTrajectory[];
}

/** The gradients of the batch are computed and applied, not yet acknowledged. */
export interface LearnedCommand extends ActorCommand {
  readonly type: "learned";
  readonly step: number;
  readonly gradients: readonly EventData<"gradient.computed">[];
  readonly policyAfter: HashName;
  readonly optimizerAfter: HashName;
  readonly optimizerStored: boolean;
}

export type LearnerCommand = AssembleCommand | LearnedCommand;

/** What `decide` must know besides the events. */
export interface LearnerRules extends BatchSettings {
  /** The run stops where the sampler's and the old log-prob of a token differ by more, nats. */
  readonly mismatchMax: number;
  /** Steps that were learned before the run began: those of a fork's ancestors. */
  readonly stepsBefore: number;
}

type State = SnapshotFrom<typeof learnerMachine>;

/** `decide` of the learner under `rules`. */
export function decideLearner(
  rules: LearnerRules,
): (command: LearnerCommand, state: State) => Decision {
  return (command, state) =>
    command.type === "assemble"
      ? assemble(rules, command, state)
      : takeUpdate(rules, command, state);
}

function assemble(rules: LearnerRules, command: AssembleCommand, state: State): Decision {
  const { context } = state;
  const { step, policy, optimizer, played, trajectories } = command;
  if (step <= context.step || context.batch?.step === step) return { duplicate: true };
  const next = (context.policy === null ? rules.stepsBefore : context.step) + 1;
  if (step !== next || context.batch !== null) {
    return { rejection: `step ${step} came before step ${next} was learned` };
  }
  if (context.policy !== null && context.policy !== policy) {
    return { rejection: `step ${step} starts from ${policy}, the policy is ${context.policy}` };
  }
  if (context.optimizer !== null && context.optimizer !== optimizer) {
    return { rejection: `the optimizer is ${context.optimizer}, the command says ${optimizer}` };
  }
  if (trajectories.length === 0) return { rejection: `step ${step} has no trajectory` };
  const batch = assembleBatch({ step, policy, optimizer, played, trajectories }, rules);
  return { events: [event("batch.assembled", batch)] };
}

function takeUpdate(rules: LearnerRules, command: LearnedCommand, state: State): Decision {
  const { batch } = state.context;
  if (batch?.step !== command.step) return { duplicate: true };
  const { step, gradients, policyAfter, optimizerAfter, optimizerStored } = command;
  if (gradients.length !== batch.minibatches.length) {
    return {
      rejection: `step ${step} has ${batch.minibatches.length} minibatches and ${gradients.length} gradients`,
    };
  }
  for (const { minibatch, mismatchMax } of gradients) {
    // Written this way round so that NaN is refused too.
    if (!(mismatchMax <= rules.mismatchMax)) {
      return { rejection: mismatchExceeded(step, minibatch, mismatchMax, rules.mismatchMax) };
    }
  }
  const update = event("policy.updated", {
    step,
    policyBefore: batch.policy,
    policyAfter,
    optimizerBefore: batch.optimizer,
    optimizerAfter,
    optimizerStored,
  });
  const stored = gradients.filter((gradient) => gradient.stored).map(({ gradient }) => gradient);
  return {
    events: [...gradients.map((gradient) => event("gradient.computed", gradient)), update],
    blobs: [...new Set([...stored, policyAfter, ...(optimizerStored ? [optimizerAfter] : [])])],
  };
}

/** The words of the alarm that sampler and learner disagree about a token's probability. */
export function mismatchExceeded(
  step: number,
  minibatch: number,
  mismatch: number,
  mismatchMax: number,
): string {
  return (
    `step ${step}, minibatch ${minibatch}: the sampler's and the learner's log-probs differ by ` +
    `${mismatch} nats, mismatch_max is ${mismatchMax}. Both must run the same build and policy; ` +
    "docs/external-engine.md says what to expect of a server that samples"
  );
}
