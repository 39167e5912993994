// Replay: a run's decisions made again from its ledger.
export { Book, type ReplayReader } from "./book.ts";
export type { ComparisonKind, Difference, Tally } from "./findings.ts";
export { comparisonKinds, Findings } from "./findings.ts";
export type { LearnedStep } from "./learner.ts";
export type { Item } from "./plans.ts";
export type {
  Recomputation,
  ReplayOptions,
  ReplayProgress,
  ReplayVerdict,
} from "./replay.ts";
export { replayRun } from "./replay.ts";
export type { FoldedCall, FoldedTrajectory } from "./trajectory.ts";
export { firstUnequal, type Unequal, unequal } from "./unequal.ts";
export type { WeightParts } from "./weights.ts";
