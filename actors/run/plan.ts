// What a run does, from beginning to end: a pure function of its settings.
import type { Sampling } from "../../events/index.ts";

/** One event holds all tasks of an evaluation. */
const tasksPerEventMax = 500;

/** An evaluation that is to be made. */
export interface EvaluationSettings {
  readonly name: string;
  /** Which tasks: a name that the task source knows. */
  readonly set: string;
  readonly tasks: number;
  /** So many are played as one evaluation; more make further ones. Left out: 500. */
  readonly tasksPerEvent?: number | undefined;
  /** Trajectories per task. */
  readonly samples: number;
  readonly sampling: Sampling;
}

/** What the plan depends on. */
export interface PlanSettings {
  readonly steps: number;
  readonly evaluations: {
    readonly before: readonly EvaluationSettings[];
    readonly after: readonly EvaluationSettings[];
    /** Every so many steps, after the step; 0: never. The last step is left to `after`. */
    readonly everySteps: number;
    readonly every: readonly EvaluationSettings[];
  };
}

export type PlannedStep = { readonly kind: "step"; readonly step: number };
export type PlannedEvaluation = {
  readonly kind: "evaluation";
  /** The number of the evaluation in the run, from 0. */
  readonly evaluation: number;
  /** The place of its first task in the set; left out: 0. */
  readonly first?: number;
} & Omit<EvaluationSettings, "tasksPerEvent">;
export type PlanItem = PlannedStep | PlannedEvaluation;

/** What is left of a plan after `step`: from the next step on. Empty where there is none. */
export function planAfter(plan: readonly PlanItem[], step: number): PlanItem[] {
  const first = plan.findIndex((item) => item.kind === "step" && item.step > step);
  return first < 0 ? [] : plan.slice(first);
}

/** The whole plan: evaluations before, steps 1 to N with those between, evaluations after. */
export function planOf({ steps, evaluations }: PlanSettings): PlanItem[] {
  const { before, after, everySteps, every } = evaluations;
  const items: PlanItem[] = [];
  let evaluation = 0;
  const evaluate = (list: readonly EvaluationSettings[], suffix: string) => {
    for (const { tasksPerEvent = tasksPerEventMax, tasks: all, ...settings } of list) {
      const name = settings.name + suffix;
      for (let first = 0; first < all; first += tasksPerEvent) {
        const tasks = Math.min(tasksPerEvent, all - first);
        const part = { ...settings, tasks, name, ...(first > 0 && { first }) };
        items.push({ kind: "evaluation", evaluation: evaluation++, ...part });
      }
    }
  };
  evaluate(before, "");
  for (let step = 1; step <= steps; step++) {
    items.push({ kind: "step", step });
    if (everySteps > 0 && step % everySteps === 0 && step < steps) evaluate(every, `@${step}`);
  }
  evaluate(after, "");
  return items;
}
