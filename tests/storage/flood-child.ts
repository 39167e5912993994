// Appends without end and says what was acknowledged, until it is killed.
// Arguments: the run directory, and a mark that makes this life's commands its own.
import { openLedger } from "../../storage/index.ts";
import { part, request, someEvents } from "./harness.ts";

const [directory = "", mark = "0"] = process.argv.slice(2);
const ledger = await openLedger(directory, { clock: Date.now });
process.stdout.write("open\n");

async function writer(sample: number): Promise<never> {
  const streams = [`trajectory/r1/0.0.${sample}`, `judge/r${sample}`];
  for (let count = 0; ; count++) {
    const command = `${mark}.${sample}.${count}`;
    const bytes = new TextEncoder().encode(command);
    const blobs = count % 4 === 0 ? [await ledger.blobs.put(bytes)] : [];
    const parts = streams.map((stream) => part(stream, { events: someEvents(4, command) }));
    await ledger.append({ ...request(command, ...parts), blobs });
    process.stdout.write(`${command} ${blobs.join()}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, sample) => writer(sample)));
