// Goal: `logs --follow` tells a run that goes on, each event once, until Ctrl-C; and who reads no
// further ends it without a word.
// Method: the real command line beside a process, this one, that writes the ledger.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { event, streams } from "../../../events/index.ts";
import { type Ledger, openLedger } from "../../../storage/index.ts";
import { startNode } from "../../e2e/host-processes.ts";
import { writeSmallRun } from "../small-run.ts";

interface World {
  runs: string;
  ledger: Ledger;
}

const test = suite<World>("cli/logs that follow");

test.before.each(async (world) => {
  world.runs = await mkdtemp(join(tmpdir(), "varft-follow-"));
  await writeSmallRun(world.runs, "half", false);
  world.ledger = await openLedger(join(world.runs, "half"), { clock: () => 1_700_000_100_000 });
});

test.after.each(async ({ runs, ledger }) => {
  await ledger.close();
  await rm(runs, { recursive: true, force: true });
});

async function append(ledger: Ledger, command: string): Promise<void> {
  const events = [event("container.replaced", { waitMs: 1_500 })];
  const parts = [{ stream: streams.actor("sandbox"), expected: null, epoch: 0, events }];
  await ledger.append({ command, by: "head", trace: null, blobs: [], parts });
}

test("it tells what is there, then what comes, and ends by Ctrl-C", async ({ runs, ledger }) => {
  const { size } = await ledger.head();
  const words = ["logs", "half", "--follow", "--last", "1", "--json", "--runs", runs];
  const logs = startNode(["cli/varft.mjs", ...words], process.env);
  const isIt = (global: number) => (line: string) => JSON.parse(line).global === global;
  try {
    await logs.line(isIt(size));
    for (const next of [1, 2, 3]) {
      await append(ledger, `append-${next}`);
      await logs.line(isIt(size + next));
    }
  } finally {
    logs.signal("SIGINT");
  }
  const { code, out } = await logs.ended;
  assert.is(code, 130);
  assert.equal(
    out.map((line) => JSON.parse(line).global),
    [size, size + 1, size + 2, size + 3],
  );
});

test("a reader that leaves, as head does, ends it without a word", async ({ runs, ledger }) => {
  const words = ["cli/varft.mjs", "logs", "half", "--follow", "--runs", runs];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  await once(child.stdout, "data");
  const ended = once(child, "close");
  child.stdout.destroy();
  await append(ledger, "append-1");
  const [code] = await ended;
  assert.equal([code, err], [130, ""]);
});

test.run();
