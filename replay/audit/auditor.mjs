// The auditor's own process: reads what it is asked on standard input, tells on standard output.
// Started by `audit-run.ts`, never by a person.
import { register } from "tsx/esm/api";

register();
const { auditAsChild } = await import("./child.ts");
await auditAsChild();
