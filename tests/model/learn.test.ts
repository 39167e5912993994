// Goal: the loss is the documented formula, and settings that should not matter do not.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lossSlopes, lossTerms } from "../../actors/learner/index.ts";
import { RandomStream } from "../../events/index.ts";
import type { LearnBatch, LossInputs, Policy, Tuning } from "../../model/index.ts";
import {
  adamStep,
  initialAdamState,
  initialTensors,
  openPolicy,
  parseModelConfig,
} from "../../model/index.ts";
import { adamSettings } from "./adam-settings.ts";
import {
  lora,
  openTiny,
  sampling,
  shaken,
  tinyConfig,
  tinyConfigJson,
  tinyImage,
  tinySequence,
  tinyTensors,
} from "./tiny-model.ts";

let policy: Policy;
let parameters: Policy["trainable"];
const test = suite("learning");
test.before(async () => {
  policy = await openTiny(lora, ["vision", "learn"]);
  parameters = shaken(policy.trainable, 4);
});
test.after(async () => policy.close());

function batchOf(seed: number): LearnBatch {
  const random = new RandomStream(seed);
  const rows = [
    tinySequence(random, 14, [tinyImage(random, 4, 4)]),
    tinySequence(random, 8),
    tinySequence(random, 11),
  ].map((row) => ({ ...row, chosen: [row.ids.length - 3, row.ids.length - 1] }));
  return { rows, sampling };
}

function lossOf(logProbs: Float32Array, seed: number): LossInputs & Required<LossInputs> {
  const random = new RandomStream(seed, "loss");
  const list = (make: () => number) => logProbs.map(make);
  return {
    normalizer: 5,
    policy: {
      weights: list(() => random.uniform()),
      advantages: list(() => random.normal()),
      oldLogProbs: logProbs.map((value) => value + 0.6 * random.normal()),
      clipLow: 0.2,
      clipHigh: 0.3,
    },
    divergence: { coefficient: 0.1, referenceLogProbs: list(() => -3 * random.uniform()) },
    crossEntropy: { weights: list(() => random.uniform()) },
  };
}

test("the loss is the documented formula", async () => {
  const batch = batchOf(1);
  const { logProbs } = await policy.logProbs(parameters, batch);
  const loss = lossOf(logProbs, 2);
  const result = await policy.gradient(parameters, batch, loss);
  let [gain, excess, likelihood] = [0, 0, 0];
  for (const [at, current] of logProbs.entries()) {
    const number = (values: Float32Array) => values[at] ?? Number.NaN;
    const ratio = Math.exp(current - number(loss.policy.oldLogProbs));
    const advantage = number(loss.policy.advantages);
    const bounded = Math.min(Math.max(ratio, 0.8), 1.3);
    gain += number(loss.policy.weights) * Math.min(ratio * advantage, bounded * advantage);
    const drift = number(loss.divergence.referenceLogProbs) - current;
    excess += 0.1 * (Math.exp(drift) - drift - 1);
    likelihood += number(loss.crossEntropy.weights) * current;
  }
  const close = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) < 1e-5, `${actual} is not ${expected}`);
  close(result.policyLoss, -gain / 5);
  close(result.divergence, excess / 5);
  close(result.crossEntropy, -likelihood / 5);
  close(result.loss, result.policyLoss + result.divergence + result.crossEntropy);
  assert.equal(result.logProbs, logProbs);
});

test("slopes that are handed in give the gradient of the loss that they belong to", async () => {
  const batch = batchOf(14);
  const { logProbs } = await policy.logProbs(parameters, batch);
  const { policy: form, divergence } = lossOf(logProbs, 15);
  const own = await policy.gradient(parameters, batch, {
    normalizer: logProbs.length,
    policy: form,
    divergence,
  });
  const { weights, advantages, oldLogProbs: old, clipLow, clipHigh } = form;
  const reference = divergence.referenceLogProbs;
  const row = { current: logProbs, old, sampler: old, weights, advantages, reference };
  const kl = { type: "k3" as const, coefficient: divergence.coefficient };
  const settings = { loss: { type: "dapo" as const }, clipLow, clipHigh, kl };
  const [slopes = new Float64Array()] = lossSlopes([row], settings);
  const handed = await policy.gradient(parameters, batch, {
    normalizer: 1,
    crossEntropy: { weights: Float32Array.from(slopes, (slope) => -slope) },
  });
  assert.ok(Math.abs(own.loss - lossTerms([row], settings).loss) < 1e-6);
  for (const [name, gradient] of own.gradients) {
    const norm = Math.hypot(...gradient);
    const given = handed.gradients.get(name) ?? new Float32Array();
    const distance = Math.hypot(...gradient.map((value, at) => value - (given[at] as number)));
    assert.ok(distance <= 2e-6 * norm, `${name}: ${distance} of ${norm}`);
  }
});

test("equal calls give equal bytes, and a gradient changes nothing that follows", async () => {
  const batch = batchOf(3);
  const first = await policy.logProbs(parameters, batch);
  const loss = lossOf(first.logProbs, 4);
  const one = await policy.gradient(parameters, batch, loss);
  const two = await policy.gradient(parameters, batch, loss);
  assert.equal([...two.gradients], [...one.gradients]);
  assert.equal(await policy.logProbs(parameters, batch), first);
});

for (const tuning of [{ type: "full" }, lora, { ...lora, scope: "language" }] satisfies Tuning[]) {
  const name = "scope" in tuning ? `${tuning.type} of the language model` : tuning.type;
  test(`${name}: gradients in segments are those of one run, to the bit`, async () => {
    const config = parseModelConfig({ ...tinyConfigJson, num_hidden_layers: 5 });
    const tensors = shaken(initialTensors(config, 1), 2);
    const open = (recompute: "none" | "segments") =>
      openTiny(tuning, ["vision", "learn"], config, tensors, recompute);
    const [whole, cut] = [await open("none"), await open("segments")];
    const values = shaken(whole.trainable, 9);
    const batch = batchOf(8);
    const { logProbs } = await whole.logProbs(values, batch);
    assert.equal((await cut.logProbs(values, batch)).logProbs, logProbs);
    const loss = lossOf(logProbs, 9);
    const expected = await whole.gradient(values, batch, loss);
    const actual = await cut.gradient(values, batch, loss);
    await whole.close();
    await cut.close();
    assert.is(actual.loss, expected.loss);
    assert.equal([...actual.gradients.keys()], [...expected.gradients.keys()]);
    for (const [parameter, gradient] of expected.gradients)
      assert.equal(actual.gradients.get(parameter), gradient, parameter);
  });
}

test("the number of threads does not change a bit", async () => {
  const batch = batchOf(12);
  const { logProbs } = await policy.logProbs(parameters, batch);
  const loss = lossOf(logProbs, 13);
  const expected = await policy.gradient(parameters, batch, loss);
  const options = { config: tinyConfig, tensors: tinyTensors, tuning: lora };
  const threaded = await openPolicy({ ...options, threads: 3, roles: ["vision", "learn"] });
  const actual = await threaded.gradient(parameters, batch, loss);
  await threaded.close();
  assert.equal(actual, expected);
});

test("a row's scores do not depend on the rows beside it", async () => {
  const { rows } = batchOf(5);
  const together = await policy.logProbs(parameters, { rows, sampling });
  const apart: number[] = [];
  for (const row of rows) {
    const scores = await policy.logProbs(parameters, { rows: [row], sampling });
    apart.push(...scores.logProbs);
  }
  assert.equal(apart, [...together.logProbs]);
});

test("a batch of a single chosen token and no image works", async () => {
  const row = tinySequence(new RandomStream(6), 2);
  const batch = { rows: [{ ...row, chosen: [1] }], sampling };
  const { logProbs, gradients } = await policy.gradient(parameters, batch, {
    normalizer: 1,
    crossEntropy: { weights: Float32Array.of(1) },
  });
  assert.is(logProbs.length, 1);
  assert.is(gradients.size, parameters.size);
});

test("a parameter that is missing or of another length is refused by name", async () => {
  const [name = ""] = parameters.keys();
  const without = new Map(parameters);
  without.delete(name);
  await rejects(() => policy.logProbs(without, batchOf(1)), name);
  await rejects(
    () => policy.logProbs(new Map([...parameters, [name, new Float32Array(1)]]), batchOf(1)),
    name,
  );
});

async function rejects(call: () => Promise<unknown>, part: string): Promise<void> {
  const message = await Promise.resolve()
    .then(call)
    .then(
      () => "",
      (error: unknown) => String(error),
    );
  assert.ok(message.includes(part), message);
}

test("a few steps of full tuning lower the cross entropy", async () => {
  const full = await openTiny({ type: "full" }, ["vision", "learn"]);
  const batch = batchOf(7);
  const count = batch.rows.length * 2;
  const loss = { normalizer: count, crossEntropy: { weights: new Float32Array(count).fill(1) } };
  let current = full.trainable;
  let state = initialAdamState(current);
  const losses: number[] = [];
  for (let step = 0; step < 8; step++) {
    const result = await full.gradient(current, batch, loss);
    losses.push(result.loss);
    const settings = { ...adamSettings, learningRate: 0.01 };
    const next = adamStep(current, result.gradients, state, settings);
    [current, state] = [next.parameters, next.state];
  }
  await full.close();
  assert.ok((losses.at(-1) ?? 1) < 0.3 * (losses[0] ?? 0), losses.join(" "));
});

test.run();
