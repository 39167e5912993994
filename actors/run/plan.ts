// What a run does, from beginning to end: a pure function of its settings.
import type { Sampling } from "../../events/index.ts";

/** An evaluation that is to be made. */
export interface EvaluationSettings {
  readonly name: string;
  /** Which tasks: a name that the task source knows. */
  readonly set: string;
  readonly tasks: number;
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
} & EvaluationSettings;
export type PlanItem = PlannedStep | PlannedEvaluation;

/** The whole plan: evaluations before, steps 1 to N with those between, evaluations after. */
export function planOf({ steps, evaluations }: PlanSettings): PlanItem[] {
  const { before, after, everySteps, every } = evaluations;
  const items: PlanItem[] = [];
  let evaluation = 0;
  const evaluate = (list: readonly EvaluationSettings[], suffix: string) => {
    for (const settings of list) {
      const name = settings.name + suffix;
      items.push({ kind: "evaluation", evaluation: evaluation++, ...settings, name });
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
