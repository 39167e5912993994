// Goal: what `rejudge` is asked wrongly is refused in words, by key and line where there is one,
// before anything is opened; a record that does not hold ends it with the right code.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rejudgeLines } from "../../../cli/evidence/rejudge-view.ts";
import type { RejudgeVerdict } from "../../../replay/index.ts";
import { fakeTerminal, varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/rejudge");
let folder = "";
let runs = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-rejudge-"));
  runs = join(folder, "runs");
  await writeSmallRun(runs, "done");
  await writeFile(join(folder, "bad.toml"), "[reward]\nf1 = 1.0\nfromat = 0.5\n");
  await writeFile(join(folder, "empty.toml"), "[rollout]\nprompts = 1\n");
  await writeFile(join(folder, "no-function.ts"), "export const value = 1;\n");
});
test.after(() => rm(folder, { recursive: true, force: true }));

const wrong: readonly (readonly [words: readonly string[], code: number, reason: RegExp])[] = [
  [[], 2, /needs --reward REWARD or --set reward\.KEY=VALUE/],
  [["--set", "run.steps=1"], 2, /run\.steps=1: a run is judged again, not played/],
  [["--set", "learner.advantages=1"], 2, /can be set/],
  [["--set", "reward.f2=1"], 2, /unknown key "reward\.f2"; did you mean "reward\.f1"\?/],
  [["--set", "reward.calls=1"], 2, /reward\.calls/],
  [
    ["--reward", "recomended"],
    2,
    /no preset, no TOML file and no module; did you mean "recommended"/,
  ],
  [["--reward", "zzz"], 2, /presets are quickstart, recommended, visual-arft-coding, visual/],
  [["--reward", "nowhere.toml"], 2, /nowhere\.toml: cannot be read/],
  [
    ["--reward", "visual-arft-coding"],
    2,
    /visual-arft-coding\.toml:\d+: "reward\.step_accuracy" has no/,
  ],
  [["--reward", "nowhere.ts"], 1, /reward module nowhere\.ts: cannot be read/],
  [["--reward", "quickstart", "--sample", "0"], 2, /--sample wants a share/],
  [["--reward", "quickstart", "--from", "3", "--to", "1"], 2, /there is no step from 3 to 1/],
  [["--reward", "quickstart", "--no-gradients", "--device", "cpu"], 2, /--device has no effect/],
  [["--reward", "quickstart", "--from", "8", "--no-gradients"], 2, /has learned 2/],
  [["--reward", "quickstart", "--model", "nowhere"], 1, /the checkpoint in nowhere cannot be read/],
  [["--reward", "quickstart"], 3, /was learned from and did not play b to its end/],
];

for (const [words, code, reason] of wrong) {
  test(`${words.join(" ") || "nothing to judge by"} is refused`, async () => {
    const ended = await varft("rejudge", "done", "--runs", runs, ...words);
    assert.match(ended.err, reason);
    assert.is(ended.code, code);
  });
}

test("faults of a reward in a file are told by file and line", async () => {
  const bad = join(folder, "bad.toml");
  const { code, err } = await varft("rejudge", "done", "--runs", runs, "--reward", bad);
  assert.match(err, 'bad.toml:3: unknown key "reward.fromat"; did you mean "reward.format"?');
  assert.is(code, 2);
  const empty = join(folder, "empty.toml");
  const none = await varft("rejudge", "done", "--runs", runs, "--reward", empty);
  assert.match(none.err, "empty.toml: has no [reward]");
  const path = join(folder, "no-function.ts");
  const module = await varft("rejudge", "done", "--runs", runs, "--reward", path);
  assert.match(module.err, "exports no function `reward(played, tools)`");
});

test("people see components, flips and the cosines as a curve", () => {
  const both = <T>(recorded: T, rejudged: T) => ({ recorded, rejudged });
  const flips = { groups: 6, groupsFlipped: 2, signsFlipped: 3, groupsGained: 1, groupsLost: 0 };
  const rewards = { trajectories: 24, changed: 5, reward: both(0.5, 0.25) };
  const stepOf = (step: number, cosine: number | null, reason: string | null = null) => ({
    ...{ step, cosine, reason, ...rewards, ...flips },
    gradientNorm: both(1, 2),
  });
  const weight = both<number | null>(null, 0.5);
  const row = { name: "executed", weight, mean: both<number | null>(null, 0.125), changed: 24 };
  const components = [{ ...row, function: both<string | null>(null, "executed@1") }];
  const steps = [stepOf(1, 0.5), stepOf(2, 1), stepOf(3, null, "nothing was learned from")];
  const verdict: RejudgeVerdict = { ...rewards, ...flips, components, stepsLearned: 3, steps };
  const told = { run: "one", verdict, notes: ["said"], seconds: 2 };
  const text = rejudgeLines(told, fakeTerminal()).join("\n");
  assert.match(text, /^one {2}judged again in 2 s {2}24 trajectories of 3 steps/);
  assert.match(text, /executed +– +→ 0\.5 +– +→ 0\.125 +24/);
  assert.match(text, /reward +0\.5 +→ 0\.25 +5 of 24/);
  assert.match(text, /change their sign +3 in 2\n/);
  assert.match(text, /learned from +1 more, 0 fewer/);
  assert.match(text, "mean 0.75, least 0.5 at step 1");
  assert.match(text, /1\.00 ┤ +█+\n/);
  assert.match(text, "no cosine of 1 steps: nothing was learned from");
  assert.match(text, "note: said");
});

test.run();
