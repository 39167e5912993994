// The run as evidence: what proves it (`audit/`), its decisions made again (`fold/`), its tokens and
// gradients computed again (`recompute/`).
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
  ComparisonKind,
  Difference,
  FoldedTrajectory,
  ReplayOptions,
  ReplayProgress,
  ReplayVerdict,
  Tally,
} from "./fold/index.ts";
export { replayRun } from "./fold/index.ts";
export {
  figureTolerance,
  gradientTolerance,
  logProbTolerance,
  recomputation,
  sampleOf,
} from "./recompute/index.ts";
