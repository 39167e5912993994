// A head stands still, another one takes its run over, and the first wakes while that one plays, on
// the same bus. No command does this on one machine (the second head is refused): the marks by
// which heads see each other are removed, as they are absent between machines that share a folder.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Follower, follow, openLedgerReader } from "../../storage/index.ts";
import { type Heard, processesWith } from "../e2e/host-processes.ts";
import { checkpoint, eventually, isBuilt, SmallRuns } from "../e2e/small-runs.ts";
import { setOwner } from "../storage/harness.ts";
import { generous, Undisturbed } from "./cases.ts";
import { isClean, verifyRun } from "./verify.ts";
import { Witness } from "./witness.ts";

const test = suite("recovery/paused-head");
const undisturbed = new Undisturbed();
const runs = SmallRuns.open();
/** After a batch is assembled the learner computes, and the head has nothing to commit. */
const quietMs = 100;
const overMsMax = 180_000;

test.after(async () => (await runs).close());

/** Resolves when the ledger has the event of the type for the time `count`. */
async function untilEvent(directory: string, type: string, count: number): Promise<void> {
  const reader = await openLedgerReader(directory);
  let follower: Follower | null = null;
  try {
    await new Promise<void>((resolve, reject) => {
      let seen = 0;
      const handle = ({ event }: { readonly event: { readonly type: string } }): void => {
        if (event.type === type && ++seen === count) resolve();
      };
      follower = follow(reader, handle, { from: 1, intervalMs: 5 });
      follower.done.catch(reject);
    });
  } finally {
    await (follower as Follower | null)?.close();
    await reader.close();
  }
}

function within<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in ${overMsMax} ms: ${what}`)), overMsMax);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** The bus's server by the run's own note of it. */
async function notedServer(directory: string): Promise<boolean> {
  const pid = Number(await readFile(join(directory, "nats.pid"), "utf8"));
  return processesWith(join(directory, "nats.conf")).some((one) => one.pid === pid);
}

type Signal = (head: Heard, name: NodeJS.Signals) => void;

async function playPaused(all: SmallRuns, name: string, signal: Signal): Promise<void> {
  const wanted = await undisturbed.real(all);
  const witness = new Witness();
  const first = all.train(name, generous, "rollout.workers=2");
  const resume = ["train", "--resume", (await all.place(name)).run, "--runs", all.folder(name)];
  const heads = [first];
  try {
    const { run, directory } = await all.place(name);
    // The note of where the bus is comes before the bus.
    await eventually("the bus", async () => {
      const listening = witness.listen(await all.bus(name), run);
      return listening.then(
        () => true,
        () => null,
      );
    });
    await within("a batch", untilEvent(directory, "batch.assembled", 1));
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    signal(first, "SIGSTOP");

    const refused = await within("a refusal", all.varft(...resume).ended);
    assert.is(refused.code, 1);
    const mend = `process ${first.pid} writes.*stands still.*kill -CONT ${first.pid}`;
    assert.match(refused.err, new RegExp(mend));

    await rm(join(directory, "ledger", "gate"), { recursive: true });
    await setOwner(directory, null);
    const second = all.varft(...resume, "--json");
    heads.push(second);
    await within("the second head's step", untilEvent(directory, "policy.updated", 1));
    signal(first, "SIGCONT");

    const passedOver = await within("the first head's end", first.ended);
    assert.is(passedOver.code, 1);
    assert.match(passedOver.err, /took this ledger over|has taken this run over/);
    const isPlaying = processesWith(run).some(({ pid }) => pid === second.pid);
    if (isPlaying) assert.ok(await notedServer(directory), "the bus is the second head's");
    const { code, err } = await within("the second head's end", second.ended);
    assert.is(code, 0, err);

    const reader = await openLedgerReader(directory);
    const found = await verifyRun(reader, witness, wanted).finally(() => reader.close());
    assert.ok(isClean(found), JSON.stringify(found));
    assert.ok(witness.events.size > 0, "somebody was told of events");
    assert.equal(await all.leftovers(name), []);
  } finally {
    for (const head of heads) {
      head.signal("SIGCONT");
      head.signal("SIGKILL");
      await head.ended;
    }
    await witness.close();
  }
}

const cases: readonly (readonly [what: string, name: string, signal: Signal])[] = [
  ["it alone", "alone", (head, name) => head.signal(name)],
  ["it and its workers", "group", ({ pid }, name) => void process.kill(-pid, name)],
];

for (const [what, name, signal] of cases) {
  test(`stands still, ${what}: it is fenced when it wakes, and the result is the same`, async () => {
    if (isBuilt) await playPaused(await runs, name, signal);
    else console.log(`skipped, ${checkpoint} is not built`);
  });
}

test.run();
