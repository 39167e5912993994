// The audit of a run: is what its directory holds whole, consistent and of known origin?

export { aboutChecks } from "./about.ts";
export {
  type AuditInput,
  type AuditProgress,
  type AuditReport,
  auditEvidence,
} from "./audit-evidence.ts";
export { type AuditLimits, type AuditOptions, auditLimits, auditRun } from "./audit-run.ts";
export { blobNames } from "./blob-names.ts";
export type { BadEvent } from "./findings.ts";
export { readData, readEnvelope } from "./read-events.ts";
export { type AuditVerdict, verdictOf } from "./verdict.ts";
