// A request for a lease that comes when its sender has long been dead, and takes the lease from who
// works under it. That one leaves the work, as it must: nobody knows that nobody has it now, until
// the head gives the order again.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { groupLease, streams } from "../../events/index.ts";
import { connectLedger, MemoryBroker } from "../../runtime/index.ts";
import { startTinyRun, tinyConfig } from "../actors/tiny-run.ts";

const test = suite("recovery/late-lease");
/** The head waits ten seconds before it gives an order again. */
const soonMs = 60_000;

const cases = [
  ["a group is played", "turn.sampled", groupLease("tiny", 1, 0)],
  ["a step is learned", "batch.assembled", streams.learner("tiny")],
] as const;

for (const [what, at, lease] of cases) {
  test(`while ${what}, a dead worker's request takes the lease: the run goes on`, async () => {
    const undisturbed = await startTinyRun({ config: tinyConfig({ steps: 1 }) });
    await undisturbed.head.done;
    const wanted = await undisturbed.result();
    await undisturbed.close();

    const broker = new MemoryBroker();
    const late = connectLedger({
      bus: broker.connect(),
      address: { cluster: "test", run: "tiny" },
    });
    let taken: Promise<unknown> | null = null;
    const run = await startTinyRun({
      connect: () => broker.connect(),
      config: tinyConfig({ steps: 1 }),
      onEvent({ type, stream }) {
        if (type !== at || (at === "turn.sampled" && !stream.includes("/1.0."))) return;
        taken ??= late.acquireLease(lease, "rollout-9/here/9");
      },
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      const tooLate = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("the run hangs")), soonMs);
      });
      assert.is((await Promise.race([run.head.done, tooLate])).steps, 1);
      assert.ok(taken !== null, "the lease was taken");
      assert.equal(await run.result(), wanted);
    } finally {
      clearTimeout(timer);
      await run.close();
    }
  });
}

test.run();
