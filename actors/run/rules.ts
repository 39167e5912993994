// What a run's configuration makes of its plan.
import { planSettings, type RunConfig, trainingSampling } from "../../config/index.ts";
import { afterStep, type Parent } from "../../events/index.ts";
import type { RunRules } from "./decide.ts";
import { planAfter, planOf } from "./plan.ts";

/** Evaluations of the plan before the step after `step`. */
export function evaluationsBefore(config: RunConfig, step: number): number {
  const whole = planOf(planSettings(config));
  const before = whole.slice(0, whole.length - planAfter(whole, step).length);
  return before.filter(({ kind }) => kind === "evaluation").length;
}

/** What the run decides by. A fork of a step has the rest of the plan. */
export function runRules(config: RunConfig, parent?: Parent): RunRules {
  const settings = planSettings(config);
  const { samples, policyLag } = config.rollout;
  const sampling = trainingSampling(config);
  const whole = planOf(settings);
  const forked = afterStep({ parent });
  const plan = forked === null ? whole : planAfter(whole, forked.step);
  return { plan, steps: settings.steps, samples, sampling, policyLag };
}
