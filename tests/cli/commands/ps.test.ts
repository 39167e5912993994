// Goal: `ps` tells what lives, and where nobody does, what was recorded last; never one as the
// other.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { viewOf } from "../../../cli/session/processes.ts";
import { event, type NewEvent, streams } from "../../../events/index.ts";
import { openLedger } from "../../../storage/index.ts";
import { varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/ps");
let runs = "";

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-ps-"));
  await writeSmallRun(runs, "half", false);
  const ledger = await openLedger(join(runs, "half"), { clock: () => 1_700_000_000_000 });
  const numericClass = { code: "c", onnxruntime: "o", device: "cpu-x64", sandbox: "s" };
  const observed = { pid: 7, host: "host" };
  const append = async (id: string, ...events: readonly NewEvent[]) => {
    const parts = [{ stream: streams.actor(id), expected: null, epoch: 0, events }];
    await ledger.append({ command: id, by: "head", trace: null, blobs: [], parts });
  };
  await append(
    "rollout-0",
    event("actor.registered", { role: "rollout", numericClass, observed }),
    event("actor.ended", { role: "rollout", cause: "SIGKILL" }),
  );
  await append(
    "sandbox",
    event("sandbox.opened", { level: "fork", size: 2, digest: "sha256:s" }),
    event("container.lost", { cause: "its output ended", during: "call" }),
  );
  await ledger.close();
});

test.after(() => rm(runs, { recursive: true, force: true }));

test("no run lives: none is listed", async () => {
  const { code, out } = await varft("ps", "--runs", runs);
  assert.is(code, 0);
  assert.match(out, /^No run of .* lives now\.\n$/);
  assert.equal(JSON.parse((await varft("ps", "--json", "--runs", runs)).out), { runs: [] });
});

test("a run whose head is gone is told from its ledger, and that is said", async () => {
  const { out } = await varft("ps", "half", "--runs", runs);
  assert.match(out, "half: no head answers; what its ledger says last:");
  assert.match(out, /rollout-0 +rollout +gone: SIGKILL +.* +7 +host +cpu-x64/);
  assert.match(out, "0 opening of 2; 0 calls waiting; 1 lost");
  const [told] = JSON.parse((await varft("ps", "half", "--json", "--runs", runs)).out).runs;
  assert.equal([told.run, told.source, told.head], ["half", "ledger", null]);
  const worker = { id: "rollout-0", role: "rollout", pid: 7, host: "host", device: "cpu-x64" };
  const times = { sinceMs: 1_700_000_000_000, lastSeenMs: 1_700_000_000_000 };
  assert.equal(told.workers, [{ ...worker, state: "gone", ...times, cause: "SIGKILL" }]);
  assert.equal([told.sandbox.lost, told.sandbox.executions], [1, null]);
});

test("a head's spans become times, and its containers busy ones", () => {
  const worker = { id: "r", role: "rollout", pid: 2, host: "h", device: "cpu" };
  const counts = { opening: 1, backingOff: 1, waiting: 4, opened: 5, lost: 1, executions: 9 };
  const view = viewOf(
    "a",
    {
      pid: 1,
      host: "h",
      aliveMs: 500,
      workers: [{ ...worker, state: "alive", registeredMs: 400, silentMs: 100 }],
      sandbox: { level: "fork", size: 4, alive: 3, idle: 1, ...counts },
    },
    10_000,
  );
  assert.equal(view.head, { pid: 1, host: "h", sinceMs: 9_500 });
  assert.equal([view.workers[0]?.sinceMs, view.workers[0]?.lastSeenMs], [9_600, 9_900]);
  assert.equal(view.sandbox, { level: "fork", size: 4, busy: 2, idle: 1, ...counts });
});

test("a run that is not there is named", async () => {
  const { code, err } = await varft("ps", "hafl", "--runs", runs);
  assert.is(code, 1);
  assert.match(err, 'did you mean "half"?');
});

test.run();
