// Opens a run for writing, says so, and holds it until its standard input ends.
// Argument: the run directory.
import { text } from "node:stream/consumers";
import { openLedger } from "../../storage/index.ts";

const ledger = await openLedger(process.argv[2] ?? "", { clock: () => 0 });
process.stdout.write("open\n");
await text(process.stdin);
await ledger.close();
