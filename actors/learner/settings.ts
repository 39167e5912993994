// What a run's configuration says to its learner. `replay` decides and learns by the same settings.
import { batchSettings, type RunConfig, scheduleSettings } from "../../config/index.ts";
import { type Parent, stepsBefore } from "../../events/index.ts";
import type { LearnerRules } from "./decide.ts";
import type { LearnSettings } from "./learn-step.ts";

/** What the learner decides by. @param parent of a fork */
export function learnerRules(config: RunConfig, parent?: Parent): LearnerRules {
  const { mismatchMax } = config.learner;
  return { ...batchSettings(config), mismatchMax, stepsBefore: stepsBefore({ parent }) };
}

/** What a step is learned with. */
export function learnSettings(config: RunConfig): LearnSettings {
  const { loss, clipLow, clipHigh, kl, importance, shards } = config.learner;
  const { temperature } = config.rollout;
  const schedule = scheduleSettings(config);
  return { ...schedule, loss, clipLow, clipHigh, kl, importance, temperature, shards };
}
