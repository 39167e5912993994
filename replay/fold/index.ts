// Replay: a run's decisions made again from its ledger.
export { Book, type ReplayReader } from "./book.ts";
export type { ComparisonKind, Difference, Tally } from "./findings.ts";
export { comparisonKinds, Findings } from "./findings.ts";
export { foldCommands } from "./fold-commands.ts";
export { type LearnedStep, Learner } from "./learner.ts";
export { type Item, Plans } from "./plans.ts";
export type {
  Recomputation,
  ReplayOptions,
  ReplayProgress,
  ReplayVerdict,
} from "./replay.ts";
export { replayRun } from "./replay.ts";
export { type FoldedCall, type FoldedTrajectory, replayTrajectory } from "./trajectory.ts";
export { firstUnequal, type Unequal, unequal } from "./unequal.ts";
export { type WeightParts, WeightTrail } from "./weights.ts";
