// Turns measured outcomes into rewards, once per trajectory. Pure.
import type { SnapshotFrom } from "xstate";
import { event } from "../../events/index.ts";
import type { ActorCommand, Decision } from "../../runtime/index.ts";
import { type judgeMachine, stepOf } from "./machine.ts";
import {
  type ComponentValues,
  type RewardSettings,
  rewardOf,
  type TrajectoryMetrics,
} from "./reward.ts";

/** A trajectory that has ended, measured. */
export interface Outcome extends TrajectoryMetrics {
  readonly trajectory: string;
  /** Mean absolute difference of the last image to the reference repair, 0–255. */
  readonly pixelError: number | null;
  /** Components that are no metrics. */
  readonly values?: ComponentValues;
  /** The components are those of the teacher's words. */
  readonly injected?: boolean;
}

/** Judge these trajectories, which belong to one step or evaluation. */
export interface JudgeCommand extends ActorCommand {
  readonly type: "judge";
  readonly outcomes: readonly Outcome[];
}

type State = SnapshotFrom<typeof judgeMachine>;

/** `decide` of the judge. */
export function decideJudge(
  settings: RewardSettings,
): (command: JudgeCommand, state: State) => Decision {
  return ({ outcomes }, { context }) => {
    const steps = new Set(outcomes.map(({ trajectory }) => stepOf(trajectory)));
    if (steps.size > 1 || steps.has("")) {
      return { rejection: "trajectories of one step or evaluation are judged together" };
    }
    const known = new Set(steps.has(context.step) ? context.judged : []);
    const open = outcomes.filter(({ trajectory }) => !known.has(trajectory));
    if (open.length === 0) return { duplicate: true };
    return { events: open.map((outcome) => assigned(outcome, settings)) };
  };
}

function assigned(outcome: Outcome, settings: RewardSettings) {
  const { trajectory, em, f1, pixelError, values, injected = false } = outcome;
  return event("reward.assigned", {
    trajectory,
    ...rewardOf(outcome, settings, values),
    em,
    f1,
    pixelError,
    ...(injected && { injected: true as const }),
  });
}
