// Goal: a run of real processes over the shipped checkpoint replays and recomputes equal, to the
// bit, from its directory; and a changed fact in it ends `varft replay` with 3 and its event.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventEnvelope } from "../../events/index.ts";
import type { ReplayVerdict } from "../../replay/index.ts";
import { openLedger, openLedgerReader } from "../../storage/index.ts";
import { type Change, copyBlobs, placeOf, rewrite } from "../replay/rewrite.ts";
import { checkpoint, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/replay");

let runs: SmallRuns;
let run = "";
let directory = "";
let events: readonly EventEnvelope[] = [];

type Told = ReplayVerdict & { readonly notes: readonly string[] };

/** `varft replay` in a process of its own. */
async function replay(folder: string, ...words: readonly string[]) {
  const { code, out, err } = await runs.varft("replay", "--json", "--runs", folder, ...words).ended;
  return { code, err, told: JSON.parse(out.at(-1) ?? "null") as Told };
}

/** The run with one fact changed, its chain whole; where it lies. */
async function forge(name: string, change: Change): Promise<string> {
  const folder = runs.folder(name);
  await mkdir(join(folder, run), { recursive: true });
  const reader = await openLedgerReader(directory);
  const ledger = await openLedger(join(folder, run), { clock: () => 0 });
  await copyBlobs(events, reader.blobs, ledger);
  await rewrite(events, ledger, change);
  await ledger.close();
  await reader.close();
  return folder;
}

if (isBuilt) {
  test.before(async () => {
    runs = await SmallRuns.open();
    const { code, err } = await runs.train("plain").ended;
    if (code !== 0) throw new Error(err);
    ({ run, directory } = await runs.place("plain"));
    events = await runs.events("plain");
  });
  test.after(() => runs.close());

  test("replayed, every decision and every policy comes out as it is recorded", async () => {
    const { code, err, told } = await replay(runs.folder("plain"), run);
    assert.is(code, 0, err);
    assert.equal([told.ok, told.recompute, told.differsAt], [true, false, null]);
    assert.equal([told.events, told.steps, told.policies], [events.length, 2, 2]);
    assert.equal(told.notes, []);
  });

  test("a process that opened no session derives the same bytes", async () => {
    const { out, err } = await runs.node(
      {},
      "--import",
      "tsx",
      "tests/replay/without-session.ts",
      directory,
    ).ended;
    const told = JSON.parse(out.at(-1) ?? `"${err}"`);
    assert.equal(told, { ok: true, policies: 2, differsAt: null, keepsSmallest: true });
  });

  test("recomputed, every token, log-prob, gradient and tool call is equal to the bit", async () => {
    const { code, err, told } = await replay(runs.folder("plain"), run, "--recompute", "--tools");
    assert.equal([told.ok, told.recompute, told.differences, told.notes], [true, true, [], []]);
    assert.is(code, 0, err);
    for (const kind of ["tokens", "tools", "gradients", "losses", "policies"] as const) {
      const { compared = 0, near } = told.comparisons[kind] ?? {};
      assert.ok(compared > 0 && near === 0, `${kind}: ${compared} compared, ${near} near`);
    }
  });

  test("a sample computes less, and says what it drew", async () => {
    const words = ["--recompute", "--sample", "25%", "--from", "2"];
    const { code, told } = await replay(runs.folder("plain"), run, ...words);
    assert.equal([code, told.steps, told.differsAt], [0, 1, null]);
    assert.match(told.notes.join(), /a sample of 25 %, drawn by the ledger's hash [0-9a-f]{12}/);
  });

  test("steps that the run has not are refused, and not called equal", async () => {
    const { code, err } = await replay(runs.folder("plain"), run, "--from", "3");
    assert.is(code, 2);
    assert.match(err, "--from 3: the run has no such step to compare");
  });

  test("a reward that was changed ends it with 3 and the event", async () => {
    const change = { type: "reward.assigned", seen: 7 } as const;
    const data = (recorded: object) => ({ ...recorded, reward: 9 });
    const folder = await forge("reward", { ...change, data: data as Change["data"] });
    const { code, told } = await replay(folder, run);
    assert.is(code, 3);
    assert.is(told.ok, false);
    assert.is(told.differsAt?.seq, placeOf(events, change));
    assert.match(told.differsAt?.reason ?? "", "reward is recorded as 9 and comes out as");
  });

  test("a log-prob that was changed in its last bit is found by --recompute", async () => {
    const change = { type: "turn.sampled", seen: 7 } as const;
    const data = (recorded: { readonly logProbs: Float32Array }) => {
      const bits = new Int32Array(Float32Array.from(recorded.logProbs).buffer);
      bits[0] = (bits[0] ?? 0) ^ 1;
      return { ...recorded, logProbs: new Float32Array(bits.buffer) };
    };
    const folder = await forge("log-prob", { ...change, data: data as unknown as Change["data"] });
    assert.is((await replay(folder, run)).code, 0, "nothing that is decided rests on it");
    const { code, told } = await replay(folder, run, "--recompute");
    assert.is(code, 3);
    assert.is(told.differsAt?.seq, placeOf(events, change));
    assert.match(told.differsAt?.reason ?? "", "the turn sampled again: logProbs[0]");
  });
} else {
  console.log(`skipped, ${checkpoint} is not built: replays of real runs`);
}

test.run();
