// The next item of the plan. Pure.
import type { SnapshotFrom } from "xstate";
import {
  type EventData,
  event,
  type HashName,
  type NewEvent,
  namedBlobs,
  type Sampling,
  type Task,
} from "../../events/index.ts";
import type { ActorCommand, Decision } from "../../runtime/index.ts";
import type { runMachine } from "./machine.ts";
import type { PlanItem } from "./plan.ts";

/** Begin the run. */
export interface StartCommand extends ActorCommand {
  readonly type: "start";
  readonly started: EventData<"run.started">;
}

/** An item of the plan has ended, or the first one is prepared. */
export interface AdvanceCommand extends ActorCommand {
  readonly type: "advance";
  /** The item that has ended; -1: the preparation. */
  readonly item: number;
  /** What the next item is played with; after the last item, the last policy. */
  readonly policy: HashName;
  /** The tasks of the next item, where that is a step. */
  readonly tasks: readonly Task[];
}

export type RunCommand = StartCommand | AdvanceCommand;

/** What `decide` must know besides the events. */
export interface RunRules {
  readonly plan: readonly PlanItem[];
  readonly steps: number;
  /** Samples per group. */
  readonly samples: number;
  readonly sampling: Sampling;
  /** Steps that the policy of a step's rollouts lies behind the newest. */
  readonly policyLag: number;
}

type State = SnapshotFrom<typeof runMachine>;

/** `decide` of a run under `rules`. */
export function decideRun(rules: RunRules): (command: RunCommand, state: State) => Decision {
  return (command, state) =>
    command.type === "start" ? start(command, state) : advance(rules, command, state);
}

function start({ started }: StartCommand, { context }: State): Decision {
  if (context.started !== null) return { duplicate: true };
  const { base, policy, optimizer, parent } = started;
  const named = [policy, optimizer, ...(parent === undefined ? [] : namedBlobs(parent))];
  return {
    events: [event("run.started", started)],
    blobs: [...new Set(named)].filter((name) => name !== base),
  };
}

function advance(rules: RunRules, command: AdvanceCommand, state: State): Decision {
  const { context } = state;
  if (context.started === null) return { rejection: "the run has not been started" };
  if (command.item !== context.planned - 1 || state.matches("completed")) {
    return { duplicate: true };
  }
  const ended = rules.plan[command.item];
  // With a lag, the step after an evaluation goes back to an older policy.
  const isSame = command.policy === context.policy || rules.policyLag > 0;
  if (ended?.kind !== "step" && !isSame) {
    return { rejection: `no step was learned, but the policy is ${command.policy}` };
  }
  const { policy, tasks } = command;
  return {
    events: [nextEvent(rules, context.planned, policy, tasks)],
    blobs: [...new Set(tasks.flatMap(imagesOf))],
  };
}

function nextEvent(
  rules: RunRules,
  item: number,
  policy: HashName,
  tasks: readonly Task[],
): NewEvent {
  const next = rules.plan[item];
  if (next === undefined) return event("run.completed", { steps: rules.steps, policy });
  if (next.kind === "step") {
    const { samples, sampling } = rules;
    return event("step.planned", {
      step: next.step,
      policy,
      samples,
      sampling,
      tasks: [...tasks],
    });
  }
  const { evaluation, name, sampling, tasks: count, samples } = next;
  const facts = { evaluation, name, policy, sampling, tasks: count, samples };
  return event("evaluation.planned", facts);
}

/** The images of a task, by name. */
export function imagesOf({ image, reference }: Task): HashName[] {
  return [image, reference].filter((name) => name !== null);
}
