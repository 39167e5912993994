// The process that reads a suspicious LMDB file. Started by `probe.ts`, never by a person.
import { register } from "tsx/esm/api";

register();
const { probeAsChild } = await import("./probe-child.ts");
await probeAsChild(process.argv.slice(2));
