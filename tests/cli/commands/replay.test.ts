// Goal: what `replay` and `diff` are asked wrongly is refused in words; what they find ends with
// the right code.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { replayLines } from "../../../cli/evidence/index.ts";
import { fakeTerminal, varft } from "../fake-terminal.ts";
import { image, writeSmallRun } from "../small-run.ts";

const test = suite("cli/replay");
let runs = "";

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-replay-"));
  await writeSmallRun(runs, "done");
  await writeSmallRun(runs, "half", false);
});
test.after(() => rm(runs, { recursive: true, force: true }));

const wrong: readonly (readonly [words: readonly string[], reason: RegExp])[] = [
  [["--sample", "5%"], /--sample goes with --recompute/],
  [["--tools"], /--tools goes with --recompute/],
  [["--model", "x"], /--model goes with --recompute/],
  [["--recompute", "--device", "gpu"], /gpu/],
  [["--recompute", "--sample", "0"], /--sample wants a share, such as 5%, not "0"/],
  [["--recompute", "--sample", "120%"], /--sample wants a share/],
  [["--from", "two"], /--from wants a step, such as 12, not "two"/],
  [["--from", "4", "--to", "2"], /there is no step from 4 to 2/],
];

for (const [words, reason] of wrong) {
  test(`${words.join(" ")} is refused`, async () => {
    const { code, err } = await varft("replay", "done", "--runs", runs, ...words);
    assert.is(code, 2);
    assert.match(err, reason);
  });
}

test("a run whose record does not come out ends with 3, and names its first event", async () => {
  const { code, out } = await varft("replay", "done", "--runs", runs);
  assert.is(code, 3);
  assert.match(out, /differs at event \d+ \(\S+ #\d+\): /);
  assert.match(out, /, (?:1 step|\d{2,} steps|[2-9] steps) compared/);
  const one = await varft("replay", "done", "--from", "1", "--to", "1", "--runs", runs);
  assert.match(one.out, /, 1 step compared/);
  const json = await varft("replay", "done", "--json", "--runs", runs);
  assert.is(json.code, 3);
  const told = JSON.parse(json.out);
  assert.equal([told.ok, told.recompute], [false, false]);
  const { seq, stream, reason } = told.differsAt;
  assert.ok(seq > 0 && stream !== "" && reason !== "");
});

test("another checkpoint, and none, are told before anything is computed", async () => {
  const none = ["--recompute", "--model", "no-such-folder"] as const;
  const missing = await varft("replay", "done", ...none, "--runs", runs);
  assert.is(missing.code, 1);
  assert.match(missing.err, "the checkpoint in no-such-folder cannot be read: name its folder");
  const named = ["--recompute", "--model", "models/tiny"] as const;
  const { code, err } = await varft("replay", "done", ...named, "--runs", runs);
  assert.is(code, 3);
  const other = /the checkpoint in models\/tiny is another model: it is sha256:[0-9a-f]{64}, /;
  assert.match(err, other);
  assert.match(err, `the run began with ${image}; --model DIR has to name a folder that holds`);
});

test("what is computed again is told in a first line that fits a terminal", () => {
  const counts = { events: 1_021_541, steps: 200, policies: 200, hashOnlySteps: 0 };
  const found = { differsAt: null, differences: [], comparisons: {}, tasksDrawn: true };
  const rest = { ...counts, ...found, unsampled: 0, unlearned: 0 };
  const verdict = { ok: true, recompute: true, ...rest };
  const told = { run: "quickstart-20261122-150312", verdict, notes: [], seconds: 7_265 };
  const { colors, columns } = fakeTerminal();
  const [line = ""] = replayLines(told, colors);
  assert.match(line, "replayed and recomputed in ");
  assert.match(line, "1,021,541 events, 200 steps compared");
  assert.ok(line.length <= columns, line);
  const decisions = { ...told, verdict: { ...verdict, recompute: false }, seconds: 10 };
  assert.match(replayLines(decisions, colors)[0] ?? "", "(102,154 events/s)");
});

test("diff tells settings, figures and the parting, and ends with 3", async () => {
  const { code, out } = await varft("diff", "done", "half", "--runs", runs);
  assert.is(code, 3);
  assert.match(out, /steps learned +2 +1/);
  assert.match(out, "the first 2 policies are equal (of 3 and 2)");
  assert.match(out, /they part at .*: only the first run has/);
  const told = JSON.parse((await varft("diff", "done", "half", "--json", "--runs", runs)).out);
  assert.equal([told.a, told.b, told.equal, told.settings], ["done", "half", false, []]);
});

test("a run beside itself is equal", async () => {
  const { code, out } = await varft("diff", "done", "done", "--runs", runs);
  assert.is(code, 0);
  assert.match(out, "equal: every policy");
});

test.run();
