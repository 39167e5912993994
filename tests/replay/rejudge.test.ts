// Goal: the reward that a run had gives it back, to the bit; another one gives what it would have
// given: rewards, flips, groups, and a gradient whose direction is known beforehand.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { judgeFunction } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { agreementOf, directionOf, recordedVerdicts } from "../../replay/index.ts";
import type { MemoryDisk } from "../../storage/index.ts";
import { tinyConfig } from "../actors/tiny-run.ts";
import { algorithms } from "./algorithms.ts";
import { blank, rejudgeTiny, type TinyRejudge } from "./tiny-rejudge.ts";
import { playTiny, withDisk } from "./tiny-replay.ts";

const test = suite("rejudge");

let finished: Promise<MemoryDisk> | null = null;
const plain = () => {
  finished ??= playTiny();
  return finished;
};

const rejudged = async (disk: MemoryDisk, options: TinyRejudge = {}) =>
  withDisk(disk, (reader) => rejudgeTiny(reader, options));

/** Judged by its own reward, nothing of a run changes. */
async function comesBack(disk: MemoryDisk, steps: number) {
  const verdict = await rejudged(disk);
  assert.equal([verdict.changed, verdict.groupsFlipped, verdict.signsFlipped], [0, 0, 0]);
  assert.equal([verdict.groupsGained, verdict.groupsLost], [0, 0]);
  assert.is(verdict.steps.length, steps);
  for (const { cosine, reason, gradientNorm } of verdict.steps) {
    if (reason === "nothing was learned from") continue;
    assert.equal([cosine, reason], [1, null]);
    assert.is(gradientNorm.recorded, gradientNorm.rejudged);
  }
  assert.ok(verdict.steps.some(({ cosine }) => cosine === 1));
  return verdict;
}

test("its own reward gives a run back: no change, cosines of exactly 1", async () => {
  const verdict = await comesBack(await plain(), 4);
  assert.equal([verdict.trajectories, verdict.groups, verdict.stepsLearned], [4 * 36, 4 * 6, 4]);
  const { recorded, rejudged: again } = verdict.reward;
  assert.is(recorded, again);
  assert.equal(
    verdict.components.map(({ name, changed }) => [name, changed]),
    [
      ["f1", 0],
      ["format", 0],
      ["calls", 0],
    ],
  );
});

for (const [name, learner] of Object.entries(algorithms)) {
  test(`so it does with ${name}`, async () => {
    const plain = tinyConfig({ steps: 3 });
    const config = { ...plain, learner: { ...plain.learner, ...learner } };
    await comesBack(await playTiny({ config }), 3);
  });
}

test("so it does where rollouts lie behind, and where only hashes of gradients are stored", async () => {
  const config = tinyConfig({ steps: 3 });
  const lagging = { ...config, rollout: { ...config.rollout, policyLag: 1 } };
  await comesBack(await playTiny({ config: lagging }), 3);
  const hashes = { ...config, storage: { ...config.storage, gradientBytesMax: 0 } };
  await comesBack(await playTiny({ config: hashes }), 3);
});

/** One minibatch: its gradient is linear in the advantages. */
const linear = (reward: Partial<RunConfig["reward"]>) => {
  const config = tinyConfig({ steps: 2 });
  const own = { ...blank, ...reward } as RunConfig["reward"];
  return { ...config, reward: own, learner: { ...config.learner, minibatches: 1 } };
};

test("a reward turned round turns every sign, every group and the gradient round", async () => {
  const disk = await playTiny({ config: linear({ f1: { weight: 0.8, rules: "corrected" } }) });
  const reward = { f1: { weight: -0.8, rules: "corrected" as const } };
  const verdict = await rejudged(disk, { reward });
  const learned = verdict.steps.filter(({ cosine }) => cosine !== null);
  assert.ok(learned.length > 0);
  for (const { cosine, gradientNorm } of learned) {
    assert.is(cosine, -1);
    assert.is(gradientNorm.recorded, gradientNorm.rejudged);
  }
  assert.equal([verdict.groupsGained, verdict.groupsLost], [0, 0]);
  assert.ok(verdict.groupsFlipped > 0 && verdict.signsFlipped > verdict.groupsFlipped);
  assert.is(verdict.reward.rejudged, -verdict.reward.recorded);
});

test("a reward three times as large points the same way, three times as far", async () => {
  const disk = await playTiny({ config: linear({ f1: { weight: 0.5, rules: "corrected" } }) });
  const reward = { f1: { weight: 1.5, rules: "corrected" as const } };
  const { steps, changed, signsFlipped } = await rejudged(disk, { reward });
  assert.ok(changed > 0);
  assert.is(signsFlipped, 0);
  for (const { cosine, gradientNorm } of steps) {
    if (cosine === null || gradientNorm.recorded === null) continue;
    assert.ok(cosine > 1 - 1e-6, `${cosine}`);
    assert.ok(Math.abs((gradientNorm.rejudged ?? 0) / gradientNorm.recorded - 3) < 1e-5);
  }
});

test("groups that another reward cannot tell apart are lost, with the gradient", async () => {
  const folder = await mkdtemp(join(tmpdir(), "varft-rejudge-"));
  try {
    const path = join(folder, "same.ts");
    await writeFile(path, "export const reward = () => 0.5;\n");
    const reward = { modules: [{ name: "same", weight: 1, path }] };
    const verdict = await rejudged(await plain(), { reward });
    assert.is(verdict.groupsGained, 0);
    assert.ok(verdict.groupsLost > 0);
    const reasons = new Set(verdict.steps.map(({ reason }) => reason));
    assert.ok(reasons.has("nothing would have been learned from"));
    assert.is(verdict.changed, 4 * 36);
    const same = verdict.components.find(({ name }) => name === "same");
    assert.equal(same?.mean, { recorded: null, rejudged: 0.5 });
    assert.equal(same?.weight, { recorded: null, rejudged: 1 });
    assert.match(same?.function.rejudged ?? "", /^same\.ts@sha256:/);
    const gone = verdict.components.find(({ name }) => name === "f1");
    assert.equal(gone?.mean.rejudged, null);
    assert.is(gone?.changed, 4 * 36);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("another estimator over the same rewards changes no reward and another direction", async () => {
  const verdict = await rejudged(await plain(), { advantage: { type: "gdpo" } });
  assert.is(verdict.changed, 0);
  const cosines = verdict.steps.flatMap(({ cosine }) => (cosine === null ? [] : [cosine]));
  assert.ok(
    cosines.every((value) => value > 0 && value < 1),
    cosines.join(),
  );
});

test("a range and a sample are judged alone, each step as it is in the whole", async () => {
  const reward = { f1: { weight: 1, rules: "corrected" as const } };
  const whole = await rejudged(await plain(), { reward });
  for (const range of [{ from: 2, to: 3 }, { from: 4 }, { to: 1 }, { share: 0.25 }]) {
    const part = await rejudged(await plain(), { reward, ...range });
    const numbers = part.steps.map(({ step }) => step);
    assert.ok(numbers.length > 0 && numbers.length < 4);
    assert.equal(
      part.steps,
      whole.steps.filter(({ step }) => numbers.includes(step)),
    );
    assert.is(part.trajectories, numbers.length * 36);
  }
});

test("without an engine rewards and flips are told, and why there is no cosine", async () => {
  const reward = { f1: { weight: -1, rules: "corrected" as const } };
  const verdict = await rejudged(await plain(), { reward, engine: "there is no model here" });
  assert.ok(verdict.signsFlipped > 0);
  for (const { cosine, reason } of verdict.steps) {
    assert.equal([cosine, reason], [null, "there is no model here"]);
  }
});

test("an unfinished step is left out, and a run that learned none has no step", async () => {
  const config = tinyConfig({ steps: 0 });
  const { steps, stepsLearned } = await rejudged(await playTiny({ config }));
  assert.equal([steps, stepsLearned], [[], 0]);
});

test("a judge that has spoken is not asked again; another one, or of other words, is", () => {
  const { reward } = tinyConfig();
  const limits = { requestsMax: 1, timeoutMs: 1, attemptsMax: 1 };
  const judged = (change: object, more: Partial<RunConfig["reward"]> = {}) => ({
    ...{ ...reward, ...more },
    judge: { weight: 1, url: "http://a:1", model: "m", ...limits, ...change },
  });
  const components = [{ name: "judge", value: 1, weight: 1, function: judgeFunction }];
  const facts = { reward: 1, em: 1, f1: 1, pixelError: null };
  const rewards = (trajectory: string) =>
    trajectory === "old"
      ? {
          trajectory,
          components: [{ ...components[0], function: "judge@0" }] as typeof components,
          ...facts,
        }
      : { trajectory, components, ...facts };
  const verdicts = recordedVerdicts(judged({}), judged({ weight: 2, attemptsMax: 9 }), rewards);
  assert.is(verdicts?.("one"), 1);
  assert.is(verdicts?.("old"), null, "asked in other words");
  assert.is(recordedVerdicts(judged({}), judged({ model: "n" }), rewards), undefined);
  assert.is(recordedVerdicts(judged({}), judged({ url: "http://b:1" }), rewards), undefined);
  assert.is(recordedVerdicts(reward, judged({}), rewards), undefined);
  const injected = { groundTruthInjection: "reference" } as const;
  assert.is(recordedVerdicts(judged({}), judged({}, injected), rewards), undefined);
});

test("directions: equal ones have a cosine of exactly 1, one that is 0 has none", async () => {
  const values = Float32Array.from({ length: 999 }, (_, index) => Math.sin(index) * 1e-3);
  const a = new Map([["w", values]]);
  assert.is(agreementOf(a, a).cosine, 1);
  const back = new Map([["w", values.map((value) => -value)]]);
  assert.is(agreementOf(a, back).cosine, -1);
  assert.is(agreementOf(a, new Map([["w", new Float32Array(999)]])).cosine, null);
  const sum = await directionOf([a, back]);
  assert.ok(sum?.get("w")?.every((value) => value === 0));
  assert.is(await directionOf([]), null);
  assert.throws(() => agreementOf(a, new Map()), /different shapes/);
});

test.run();
