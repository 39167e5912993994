// A head that stands still: a second one is refused and told whom to wake or to end. One that was
// passed over all the same is fenced by the number of the writer (I5): it records nothing more and
// says so, and the result is the undisturbed run's.
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { firstDifference, type RunResult } from "../../actors/index.ts";
import { startNatsServer } from "../../runtime/index.ts";
import { type Heard, processesWith } from "../e2e/host-processes.ts";
import { dataOf, type SmallRuns } from "../e2e/small-runs.ts";
import { setOwner } from "../storage/harness.ts";

const isStep = (line: string): boolean => line.includes('"type":"step"');

/** Stops the head between two of its commits, where it holds nothing that others wait for. */
async function stopBetweenCommits(head: Heard, ledger: string): Promise<void> {
  const gate = createConnection(join(ledger, "gate.sock"));
  await once(gate, "data");
  head.signal("SIGSTOP");
  gate.destroy();
}

/** Plays the run "paused" with two heads; `wanted` is the undisturbed run's result. */
export async function playPaused(runs: SmallRuns, wanted: RunResult): Promise<void> {
  const server = await startNatsServer({ directory: runs.folder("bus") });
  const first = runs.trainOver(server, "paused", "sandbox.limits.wall_ms_max=60000");
  try {
    const { run, directory } = await runs.place("paused");
    const ledger = join(directory, "ledger");
    const resume = (): Heard =>
      runs.node(
        { VARFT_BUS_TOKEN: server.token },
        ...["cli/varft.mjs", "train", "--resume", run, "--runs", runs.folder("paused"), "--json"],
      );
    await first.line(isStep);
    await stopBetweenCommits(first, ledger);
    const workers = processesWith(`--run ${run}`);
    for (const { pid } of workers) process.kill(pid, "SIGSTOP");

    const refused = await resume().ended;
    assert.is(refused.code, 1);
    assert.match(
      refused.err,
      `process ${first.pid} writes the ledger in ${ledger}: it stands still`,
    );

    // As if the two were on hosts that share nothing but the folder and the bus.
    await rm(join(ledger, "gate.sock"));
    await setOwner(directory, null);
    const second = resume();
    const { code, err } = await second.ended;
    assert.is(code, 0, err);
    for (const { pid } of workers) process.kill(pid, "SIGCONT");
    first.signal("SIGCONT");
    const fenced = await first.ended;
    assert.is(fenced.code, 1);
    assert.match(fenced.err, "another process took this ledger over");

    assert.is(firstDifference(wanted, await runs.result("paused")), null);
    assert.is(dataOf(await runs.events("paused"), "run.completed").length, 1);
    assert.equal(await runs.leftovers("paused"), []);
  } finally {
    first.signal("SIGKILL");
    await first.ended;
    await server.stop();
  }
}
