// Appends one event and stores one blob, and prints how many milliseconds each took.
import { openLedger } from "../../storage/index.ts";
import { part, request } from "./harness.ts";

const ledger = await openLedger(process.argv[2] ?? "", { clock: Date.now });
const start = performance.now();
await ledger.append(request("c1", part("run/a")));
const appended = performance.now();
await ledger.blobs.put(Uint8Array.of(1, 2, 3));
console.log(JSON.stringify([appended - start, performance.now() - appended]));
await ledger.close();
