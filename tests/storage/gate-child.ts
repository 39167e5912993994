// Opens the gate of each folder that a line names, says how that went, and closes at an empty line.
import { createInterface } from "node:readline";
import { type Gate, openGate } from "../../storage/gate.ts";
import { codeOf } from "./harness.ts";

let gate: Gate | null = null;
process.stdout.write("ready\n");
for await (const folder of createInterface({ input: process.stdin })) {
  if (folder === "") {
    await gate?.close();
    gate = null;
    process.stdout.write("closed\n");
    continue;
  }
  const opening = openGate(folder, async () => () => {});
  gate = await opening.catch(() => null);
  process.stdout.write(`${gate === null ? await codeOf(opening) : "opened"}\n`);
}
