// The audit of a run: is what its directory holds whole, consistent and of known origin?
export type { AuditVerdict, BadEvent } from "./verdict.ts";
