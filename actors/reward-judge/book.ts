// The components of a run's reward, ready to be measured: pure ones, and those that ask the world
// (a model, a server, a person's module). What they give is recorded, so that nobody has to ask
// again.
//
// 1. Metrics are always measured, whatever is paid for: evaluations tell them.
// 2. A component that fails fails the judgement: nothing is ever paid in its place.
import type { RunConfig } from "../../config/index.ts";
import { type EventData, parseTrajectory, type Task } from "../../events/index.ts";
import type { TrajectoryContext } from "../rollout/index.ts";
import { type Baseline, baselineOfGroup, correctionOf } from "./correction.ts";
import type { Outcome } from "./decide.ts";
import { isInjected } from "./injection.ts";
import { type ComparePixels, measure } from "./measure.ts";
import { type Played, playedOf, type ReadTurns } from "./played.ts";
import { type ComponentValue, recordedValues } from "./reward.ts";
import { teacherOf } from "./teacher.ts";

/** A component that is no metric. */
export interface MeasuredComponent {
  readonly name: string;
  /** `name@version`, and what else decides what it gives. */
  readonly function: string;
  readonly measure: (played: Played) => number | Promise<number>;
}

/** What the correction is measured by. */
export interface CorrectionRule {
  /** Recorded with each value. */
  readonly function: string;
  /**
   * The baseline of a step's tasks or of an evaluation's; null: the group's own trajectories
   * without a tool.
   */
  readonly baseline: (of: "step" | "evaluation") => Promise<Baseline | null>;
}

export interface RewardBookParts extends ReadTurns {
  readonly config: Pick<RunConfig, "reward" | "run" | "rollout">;
  readonly comparePixels: ComparePixels;
  readonly components: readonly MeasuredComponent[];
  readonly correction: CorrectionRule | null;
}

/** A measured trajectory and its task. */
export interface Measured {
  readonly outcome: Outcome;
  readonly task: Task;
}

/** Measures what a run pays for. */
export class RewardBook {
  readonly #parts: RewardBookParts;

  constructor(parts: RewardBookParts) {
    this.#parts = parts;
  }

  /**
   * Measures a trajectory that has ended.
   * @param recorded its reward, where it was judged before: then nobody is asked again
   */
  async measure(
    trajectory: string,
    context: TrajectoryContext,
    task: Task,
    recorded?: EventData<"reward.assigned">,
  ): Promise<Outcome> {
    const { comparePixels, components } = this.#parts;
    const outcome = await measure(trajectory, context, task, comparePixels);
    if (recorded !== undefined) {
      const { injected = false } = recorded;
      return { ...outcome, values: recordedValues(recorded), injected };
    }
    const injected = this.#isInjected(trajectory);
    if (components.length === 0 && !injected) return outcome;
    const really = playedOf(trajectory, context, task, this.#parts);
    const played = injected ? teacherOf(really) : really;
    const values = new Map<string, ComponentValue>(injected ? teachersMetrics(played) : []);
    for (const { name, function: by, measure: of } of components) {
      values.set(name, { value: await of(played), function: by });
    }
    return { ...outcome, values, ...(injected && { injected }) };
  }

  /** What depends on more than one of them. Trajectories of one step or evaluation. */
  async settle(all: readonly Measured[]): Promise<readonly Outcome[]> {
    const { correction } = this.#parts;
    const [first] = all;
    if (correction === null || first === undefined) return all.map(({ outcome }) => outcome);
    const { step } = parseTrajectory(first.outcome.trajectory) ?? {};
    const known = await correction.baseline(typeof step === "number" ? "step" : "evaluation");
    const groups = new Map<number | undefined, Outcome[]>();
    for (const { outcome } of all) {
      const group = groupOf(outcome);
      groups.set(group, [...(groups.get(group) ?? []), outcome]);
    }
    return all.map(({ outcome, task }) => {
      const baseline =
        known === null ? baselineOfGroup(groups.get(groupOf(outcome)) ?? []) : known(task);
      const shown = outcome.injected ? { em: 1, calls: 1 } : outcome;
      const value = correctionOf(shown, baseline);
      const measured = { value, function: correction.function };
      return { ...outcome, values: new Map(outcome.values).set("correction", measured) };
    });
  }

  #isInjected(trajectory: string): boolean {
    const { reward, run, rollout } = this.#parts.config;
    if (reward.groundTruthInjection === "off") return false;
    return isInjected(trajectory, rollout.samples, run.seed);
  }
}

const groupOf = ({ trajectory }: Outcome) => parseTrajectory(trajectory)?.group;

/** Metrics of the teacher's trajectory, by the names that are recorded. */
function teachersMetrics({ calls, answer }: Played): [string, ComponentValue][] {
  const right = answer === null ? 0 : 1;
  return [
    ["f1", { value: right, function: "f1@1" }],
    ["format", { value: 1, function: "format@1" }],
    ["calls", { value: calls, function: "calls@1" }],
    ["exact_match", { value: right, function: "exact-match@1" }],
  ];
}
