// A run's policy, opened from its checkpoint folder for those who work with it.
export type { InitialPolicy, LearnerPolicy, RolloutPolicy, StoredWeights } from "./open.ts";
export {
  type CheckpointFile,
  checkpointFiles,
  checkpointHash,
  checkpointName,
  initialPolicy,
  noOptimizer,
  openLearnerPolicy,
  openRolloutPolicy,
  storedWeights,
  tuningOf,
} from "./open.ts";
export { vocabularyOf } from "./vocabulary.ts";
