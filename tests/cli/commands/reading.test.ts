// Goal: what a ledger holds is told rightly by `runs`, `show` and `trajectory`, to people and
// scripts.
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/reading");
let runs = "";

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-cli-"));
  await writeSmallRun(runs, "done");
  await writeSmallRun(runs, "half", false);
  await mkdir(join(runs, "broken", "ledger"), { recursive: true });
});

test.after(() => rm(runs, { recursive: true, force: true }));

test("runs lists what is there, and says what cannot be read", async () => {
  const { code, out } = await varft("runs", "--runs", runs);
  assert.is(code, 0);
  assert.match(out, /done +20\d\d-\d\d-\d\d \d\d:\d\d +completed +2\/2 +100\.0/);
  assert.match(out, /half .* unfinished +1\/2 +33\.3/);
  assert.match(out, "broken");
  const json = JSON.parse((await varft("runs", "--json", "--runs", runs)).out);
  const states = json.runs.map(({ run, state }: { run: string; state: string }) => [run, state]);
  assert.equal(states, [
    ["broken", "unreadable"],
    ["done", "completed"],
    ["half", "unfinished"],
  ]);
});

test("show tells before and after with intervals, per task and kind", async () => {
  const { code, out } = await varft("show", "done", "--runs", runs);
  assert.is(code, 0);
  assert.match(out, /all +3 +33\.3 \[6–79\] +100\.0 \[44–100\]/);
  assert.match(out, /dark +1 +0\.0 \[0–79\] +100\.0 \[21–100\]/);
  assert.match(out, "degraded images with the right repair: 50.0 % → 50.0 %");
  assert.match((await varft("show", "half", "--runs", runs)).out, "varft train --resume half");
});

test("show --json has the stable keys of a result", async () => {
  const shown = JSON.parse((await varft("show", "done", "--json", "--runs", runs)).out);
  assert.is(shown.run, "done");
  assert.is(shown.steps, 2);
  assert.match(shown.policy, /^sha256:[0-9a-f]{64}$/);
  const { before, after, noTool, sets } = shown.eval;
  assert.equal([before.n, Math.round(before.em), after.em, after.f1], [3, 33, 100, 100]);
  assert.is(before.emGreedy, null);
  assert.is(noTool, null);
  assert.equal(Object.keys(before.kinds), ["dark", "none", "search"]);
  assert.equal(Object.keys(sets), ["singles"]);
  const [first, second] = shown.stepFigures;
  assert.equal([first.step, second.step, second.seconds > 0], [1, 2, true]);
  assert.ok(Math.abs(second.reward - (0.15 + (0.8 * 2) / 3)) < 1e-9);
  assert.equal(second.components, { f1: 2 / 3, format: 1, calls: 1 });
  assert.equal(second.toolCalls, { python: 1, search: 0, failed: 0, callers: 100 });
  assert.equal(
    [second.tokens, second.entropy, second.klOld, second.ratioMax],
    [12, 0.25, 0.25, 1.5],
  );
  assert.equal([second.clipFraction, second.mismatchMax, second.gradientNorm], [0, 1e-6, 2]);
});

test("a trajectory is told turn by turn, with its images beside it", async () => {
  const { code, out } = await varft("trajectory", "done", "2.0.0", "--runs", runs);
  assert.is(code, 0);
  for (const words of [
    "task a  coding, dark",
    "answer    K 7",
    "log-prob mean -1, least -1.5",
    "── python called  on prompt.png\n  import cv2\n  print(1)",
    "── python returned  ok, 3.3 ms",
    "ended  answered: K 7  (2 turns, 1 calls)",
    "reward 0.95 = f1 1 × 0.8 + format 1 × 0.2 + calls 1 × -0.05",
  ]) {
    assert.match(out, words);
  }
  const folder = join(runs, "done", "trajectories", "2.0.0");
  assert.equal((await readdir(folder)).sort(), ["prompt.png", "transcript.txt"]);
});

test("a trajectory as JSON has its token ids", async () => {
  const out = join(runs, "elsewhere");
  const argv = ["trajectory", "done", "1.1.0", "--json", "--out", out, "--runs", runs];
  const told = JSON.parse((await varft(...argv)).out);
  assert.equal(told.turns[0].ids, [1, 2]);
  assert.is(told.reward.em, 1);
  assert.is(told.directory, out);
});

test("what is not there is named, with what is", async () => {
  const cases: readonly (readonly [argv: readonly string[], code: number, words: string])[] = [
    [["show", "dnoe"], 1, 'there is no run "dnoe" in'],
    [["show", "don"], 1, 'did you mean "done"?'],
    [["trajectory", "done", "7.0.0"], 1, "that step was not played"],
    [["trajectory", "done", "1.9.0"], 1, "there are 1.0.0, 1.1.0, 1.2.0, …"],
    [["trajectory", "done", "first"], 2, '"first" names no trajectory'],
    [["train", "--resume", "doen"], 1, 'did you mean "done"?'],
  ];
  for (const [argv, code, words] of cases) {
    const told = await varft(...argv, "--runs", runs);
    assert.is(told.code, code, argv.join(" "));
    assert.match(told.err, words);
    assert.is(told.out, "");
  }
});

test.run();
