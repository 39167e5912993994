// The run as evidence: what proves it (`audit/`).
export type { AuditVerdict, BadEvent } from "./audit/index.ts";
