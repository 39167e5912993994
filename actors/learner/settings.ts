// What a run's configuration says to its learner. `replay` decides and learns by the same settings.
import { batchSettings, type RunConfig, scheduleSettings } from "../../config/index.ts";
import type { LearnerRules } from "./decide.ts";
import type { LearnSettings } from "./learn-step.ts";

/** What the learner decides by. */
export function learnerRules(config: RunConfig): LearnerRules {
  return { ...batchSettings(config), mismatchMax: config.learner.mismatchMax };
}

/** What a step is learned with. */
export function learnSettings(config: RunConfig): LearnSettings {
  const { loss, clipLow, clipHigh, kl, importance, shards } = config.learner;
  const { temperature } = config.rollout;
  const schedule = scheduleSettings(config);
  return { ...schedule, loss, clipLow, clipHigh, kl, importance, temperature, shards };
}
