// Goal: algorithms are chosen by name, what a choice ignores is refused, and the shipped settings
// are the paper's.
import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { learningRateAt } from "../../actors/learner/index.ts";
import {
  batchSettings,
  ConfigError,
  loadRunConfig,
  parseRunConfig,
  restoreRunConfig,
  scheduleSettings,
} from "../../config/index.ts";

const test = suite("config/algorithms");
const file = "config/quickstart.toml";
const text = await readFile(file, "utf8");

const parse = (...overrides: readonly string[]) => parseRunConfig({ file, text, overrides });

function refusal(...overrides: readonly string[]): string {
  try {
    parse(...overrides);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  throw new Error(`${overrides.join(" ")} was taken`);
}

test("every choice is taken by its name", () => {
  const given = [
    'learner.loss={ type = "dr-grpo", tokens_max = 512 }',
    ...["grpo", "gspo", "cispo"].map((type) => `learner.loss={ type = "${type}" }`),
    ...["std", "batch-std", "leave-one-out", "gdpo", "gigpo"].map(
      (type) => `learner.advantage={ type = "${type}" }`,
    ),
    ...["k3", "k2", "k1-reward"].map(
      (type) => `learner.kl={ type = "${type}", coefficient = 0.1 }`,
    ),
    ...["token", "sequence"].map((type) => `learner.importance={ type = "${type}", cap = 3 }`),
    ...["token-mask", "sequence-mask", "geometric-mask"].map(
      (type) => `learner.importance={ type = "${type}", low = 0.5, high = 2 }`,
    ),
    "learner.overlong={ tokens_max = 100, cache_tokens = 20 }",
    "learner.mask_truncated=true",
    "learner.decay=cosine",
    "rollout.oversampling=1.5",
  ];
  for (const override of given) assert.ok(parse(override), override);
});

test("what is left out is the loss of DAPO without KL, every token capped at 2", () => {
  const { learner, rollout } = parseRunConfig({
    file,
    text: text.replace(/^(loss|kl|importance) = .*$/gm, ""),
  });
  assert.equal(learner.loss, { type: "dapo" });
  assert.equal(learner.kl, { type: "none" });
  assert.equal(learner.importance, { type: "token", cap: 2 });
  assert.is(rollout.oversampling, 1);
});

test("a key that a choice ignores is refused", () => {
  const cases: readonly (readonly [override: string, words: string])[] = [
    ['learner.loss={ type = "grpo", tokens_max = 5 }', '"learner.loss.tokens_max" has no effect'],
    ['learner.kl={ type = "none", coefficient = 1 }', '"learner.kl.coefficient" has no effect'],
    ['learner.importance={ type = "token", low = 0.5 }', '"learner.importance.low" has no effect'],
    ['learner.advantage={ type = "gdpo", std = true }', '"learner.advantage.std" has no effect'],
    ["learner.overlong={ tokens_max = 900, cache_tokens = 10 }", "200 tokens at most"],
    ["learner.overlong={ tokens_max = 9, cache_tokens = 10 }", "is more than tokens_max (9)"],
  ];
  for (const [override, words] of cases) assert.match(refusal(override), words);
  assert.match(refusal("learner.decay=linear", "learner.final_share=1"), "has no effect");
});

test("choices that do not go together are refused", () => {
  const k1 = 'learner.kl={ type = "k1-reward", coefficient = 0.1 }';
  const gigpo = 'learner.advantage={ type = "gigpo" }';
  assert.match(refusal(k1, 'learner.advantage={ type = "gdpo" }'), "advantage of whole rewards");
  assert.match(refusal(k1, "learner.mask_truncated=true"), "every trajectory's log-probs");
  assert.match(refusal(k1, "learner.shuffle_advantages=true"), "computes them again");
  assert.match(refusal(k1, "rollout.oversampling=2"), "must be 1 with a KL term");
  assert.match(refusal(gigpo, 'learner.loss={ type = "gspo" }'), '"gigpo" has no effect');
  assert.match(refusal(gigpo, "learner.shuffle_advantages=true"), "turns cannot be exchanged");
  assert.match(refusal(gigpo, "rollout.turns_max=64", "rollout.prompts=250"), "16384 turns");
  const gdpo = 'learner.advantage={ type = "gdpo" }';
  assert.match(
    refusal(
      gdpo,
      "rollout.prompts=250",
      "reward.executed=1",
      "reward.exact_match=1",
      "reward.diagnosis=1",
      "reward.step_accuracy=1",
      "reward.correction=1",
    ),
    "12288 parts",
  );
  assert.match(refusal("rollout.prompts=200", "rollout.oversampling=8"), "at most 500");
});

test("a configuration that an earlier version recorded is read in today's words", () => {
  const { learner, ...rest } = JSON.parse(JSON.stringify(parse())) as Record<string, object>;
  const { kl: _, importance: __, loss: ___, ...before } = learner as Record<string, unknown>;
  const restored = (klCoefficient: number) =>
    restoreRunConfig({ ...rest, learner: { ...before, klCoefficient, importanceCap: 5 } }).learner;
  assert.equal(restored(0).kl, { type: "none" });
  assert.equal(restored(0.04).kl, { type: "k3", coefficient: 0.04 });
  assert.equal(restored(0).importance, { type: "token", cap: 5 });
});

for (const [name, steps] of [
  ["search", 1600],
  ["coding", 2187],
] as const) {
  test(`visual-arft-${name}.toml has the paper's settings`, async () => {
    const config = await loadRunConfig(`config/visual-arft-${name}.toml`);
    const { rollout, learner, tune, run, reward } = config;
    assert.is(rollout.prompts * rollout.samples, 128);
    assert.equal([rollout.temperature, rollout.turnTokensMax, rollout.turnsMax], [1, 256, 1]);
    assert.equal(tune, { type: "full", vision: true });
    assert.equal(learner.loss, { type: "grpo" });
    assert.equal(learner.advantage, { type: "std" });
    assert.equal(learner.kl, { type: "k3", coefficient: 0.04 });
    assert.is(learner.minibatches, 1);
    assert.is(reward.stepAccuracy?.mode, "reference");
    assert.is(reward.groundTruthInjection, name === "coding" ? "reference" : "off");
    assert.is(run.steps, steps);
    // transformers' linear schedule: (steps − done) / steps.
    const schedule = scheduleSettings(config);
    for (const step of [1, 2, steps >> 1, steps]) {
      const wanted = (1e-6 * (steps - step + 1)) / steps;
      assert.ok(Math.abs(learningRateAt(step, schedule) - wanted) < 1e-14);
    }
  });
}

test("recommended.toml trains both tasks with one model, each part of the reward by itself", async () => {
  const config = await loadRunConfig("config/recommended.toml");
  const { tasks } = config;
  assert.equal(
    tasks.type === "mixture" && tasks.sources.map(({ name, weight }) => [name, weight > 0]),
    [
      ["coding", true],
      ["search", true],
    ],
  );
  assert.is(batchSettings(config).advantage.type, "gdpo");
  assert.is(batchSettings(config).groupsMax, config.rollout.prompts);
});

test.run();
