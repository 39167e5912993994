// What a run's configuration makes of its plan.
import { planSettings, type RunConfig, trainingSampling } from "../../config/index.ts";
import type { RunRules } from "./decide.ts";
import { planOf } from "./plan.ts";

/** What the run decides by. */
export function runRules(config: RunConfig): RunRules {
  const settings = planSettings(config);
  const { samples, policyLag } = config.rollout;
  const sampling = trainingSampling(config);
  return { plan: planOf(settings), steps: settings.steps, samples, sampling, policyLag };
}
