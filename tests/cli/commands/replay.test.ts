// Goal: what `replay` and `diff` are asked wrongly is refused in words; what they find ends with
// the right code.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

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
  const { code, err } = await varft("replay", "done", "--recompute", "--runs", runs);
  assert.is.not(code, 0);
  assert.match(err, /the checkpoint in models\/tiny is sha256:.*name its folder with --model DIR/);
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
