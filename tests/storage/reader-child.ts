// Opens a run for reading, says so, waits for a line, and says what it reads then.
// Arguments: the run directory, and the blob to read.
import { createInterface } from "node:readline";
import type { HashName } from "../../events/index.ts";
import { openLedgerReader } from "../../storage/index.ts";

const [directory = "", blob = "sha256:"] = process.argv.slice(2);
const reader = await openLedgerReader(directory);
process.stdout.write("open\n");
for await (const _ of createInterface({ input: process.stdin })) break;
const { size } = await reader.head();
const bytes = await reader.blobs.get(blob as HashName);
process.stdout.write(`${size} ${bytes?.length ?? "none"}\n`);
await reader.close();
