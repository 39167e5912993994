// Keeps a run in the flat form of kept-runs.ts, with every blob that it names and has.
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { decodeEnvelope, type HashName, isHashName } from "../../events/index.ts";
import { openEvidence, openLedgerReader } from "../../storage/index.ts";
import { packRun } from "./kept-runs.ts";

const [directory = "", file = ""] = process.argv.slice(2);
const evidence = await openEvidence(directory);
const rows: Uint8Array[] = [];
for (let next = 1; next <= evidence.head().size; next = rows.length + 1) {
  rows.push(...evidence.rows(next).map(({ bytes }) => Uint8Array.from(bytes)));
}
const leases = [...evidence.leases()];
await evidence.close();

const reader = await openLedgerReader(directory);
const names = new Set(rows.flatMap((row) => [...namesIn(decodeEnvelope(row).data)]));
const blobs: Uint8Array[] = [];
for (const name of names) {
  const bytes = await reader.blobs.get(name);
  if (bytes !== null) blobs.push(bytes);
}
await reader.close();
const packed = packRun({ run: basename(directory), rows, leases, blobs });
await writeFile(file, packed);
console.log(`${file}: ${rows.length} events, ${blobs.length} blobs, ${packed.length} bytes`);

/** Every hash that stands anywhere in the data of an event. */
function* namesIn(value: unknown): Iterable<HashName> {
  if (typeof value === "string" && isHashName(value)) yield value;
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return;
  for (const inner of Object.values(value)) yield* namesIn(inner);
}
