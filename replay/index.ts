// The run as evidence: what proves it (`audit/`), its decisions made again (`fold/`), its tokens
// and gradients computed again (`recompute/`), another reward over it (`rejudge/`), two runs beside
// each other (`diff/`), and runs that go on from it (`fork/`).
export type {
  AuditLimits,
  AuditOptions,
  AuditProgress,
  AuditReport,
  AuditVerdict,
  BadEvent,
} from "./audit/index.ts";
export { aboutChecks, auditEvidence, auditLimits, auditRun, verdictOf } from "./audit/index.ts";
export type {
  BundleClaims,
  BundleIdentity,
  BundleRunOptions,
  LastPolicy,
  MadeBundle,
  Verified,
} from "./bundle/index.ts";
export {
  adapterFault,
  bundleRun,
  claimFault,
  unreadableVerdict,
  verifiedVerdict,
} from "./bundle/index.ts";
export type { DiffSide, Parting, RunDiff } from "./diff/index.ts";
export { diffRuns } from "./diff/index.ts";
export type {
  ComparisonKind,
  Difference,
  FoldedTrajectory,
  ReplayOptions,
  ReplayProgress,
  ReplayVerdict,
  Tally,
} from "./fold/index.ts";
export { replayRun } from "./fold/index.ts";
export type { ForkStart, TurnFork } from "./fork/index.ts";
export {
  ForkError,
  forkAtStep,
  forkAtTurn,
  recordedTask,
  unlikeParent,
} from "./fork/index.ts";
export {
  figureTolerance,
  gradientTolerance,
  logProbTolerance,
  recomputation,
  sampleOf,
} from "./recompute/index.ts";
export type {
  AdvantageChange,
  ComponentChange,
  RecordedRewards,
  RejudgedStep,
  RejudgeOptions,
  RejudgeProgress,
  RejudgeVerdict,
  Rejudging,
} from "./rejudge/index.ts";
export {
  advantageChange,
  agreementOf,
  directionOf,
  recordedVerdicts,
  rejudgeRun,
} from "./rejudge/index.ts";
export type { KeepRules, Pruning } from "./retention/index.ts";
export {
  choosePruning,
  PrunedBlobs,
  parseKeepRules,
  prunedWords,
  readPruned,
  recordPruning,
} from "./retention/index.ts";
