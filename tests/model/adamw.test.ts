// Goal: AdamW is the published algorithm, touches nothing it is given, and gives the same bytes
// everywhere.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName, RandomStream } from "../../events/index.ts";
import { adamStep, globalNorm, initialAdamState, isMatrixName } from "../../model/index.ts";
import { adamSettings as settings } from "./adam-settings.ts";

function tensors(seed: number, scale = 1): Map<string, Float32Array> {
  const random = new RandomStream(seed, "adam");
  const of = (length: number) =>
    Float32Array.from({ length }, () => scale * (random.uniform() - 0.5));
  return new Map([
    ["layer.weight", of(700)],
    ["layer.bias", of(7)],
  ]);
}

async function smallestBytes(options: readonly string[]) {
  const script = "tests/model/adamw-smallest.ts";
  const args = ["--import", "tsx", script, ...options];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as { flushes: boolean; hash: string };
}

const test = suite("AdamW");

test("steps agree with the formula in float64", () => {
  let parameters = tensors(1);
  let state = initialAdamState(parameters);
  const plain = [...parameters].map(([name, values]) => ({
    name,
    p: Array.from(values),
    m: Array.from(values, () => 0),
    v: Array.from(values, () => 0),
  }));
  for (let step = 1; step <= 20; step++) {
    const gradients = tensors(100 + step, 3);
    const norm = Math.hypot(...[...gradients.values()].flatMap((values) => [...values]));
    const next = adamStep(parameters, gradients, state, settings);
    assert.ok(Math.abs(next.gradientNorm - norm) < 1e-5 * norm);
    for (const tensor of plain) {
      const decay = tensor.name === "layer.weight" ? 1 - 0.003 * 0.05 : 1;
      for (const [at, value] of (gradients.get(tensor.name) ?? []).entries()) {
        const g = value * Math.min(1, 1 / norm);
        const m = 0.9 * (tensor.m[at] as number) + 0.1 * g;
        const v = 0.98 * (tensor.v[at] as number) + 0.02 * g * g;
        const size = Math.sqrt(v / (1 - 0.98 ** step)) + 1e-8;
        tensor.p[at] = (tensor.p[at] as number) * decay - (0.003 * (m / (1 - 0.9 ** step))) / size;
        [tensor.m[at], tensor.v[at]] = [m, v];
      }
      const values = next.parameters.get(tensor.name) ?? new Float32Array(0);
      for (const [at, value] of values.entries())
        assert.ok(Math.abs(value - (tensor.p[at] as number)) < 2e-6);
    }
    ({ parameters, state } = { parameters: new Map(next.parameters), state: next.state });
  }
});

test("inputs stay as they are", () => {
  const [parameters, gradients] = [tensors(1), tensors(2)];
  const state = initialAdamState(parameters);
  adamStep(parameters, gradients, state, settings);
  assert.equal(parameters, tensors(1));
  assert.equal(gradients, tensors(2));
  assert.equal(state, initialAdamState(parameters));
});

test("the bytes after ten steps are the same on every machine", () => {
  let parameters: ReadonlyMap<string, Float32Array> = tensors(1);
  let state = initialAdamState(parameters);
  for (let step = 0; step < 10; step++) {
    const next = adamStep(parameters, tensors(50 + step), state, settings);
    ({ parameters, state } = next);
  }
  const bytes = [...parameters.values()].map((values) => Buffer.from(values.buffer));
  assert.is(
    hashName(Buffer.concat(bytes)),
    "sha256:c42a8ee644a0b15f059fb82a2c91918f19dacf9bf7389f78b38cf13b1e6cd09a",
  );
});

test("the bytes are the same in a process that has opened a session as in one that has not", async () => {
  const [without, withSession] = await Promise.all([smallestBytes([]), smallestBytes(["session"])]);
  assert.is(without.flushes, false, "a fresh process keeps float32's smallest values");
  assert.is(withSession.flushes, true, "a session makes them zero");
  assert.is(withSession.hash, without.hash);
});

test("a norm below the limit leaves gradients alone, and no limit is allowed", () => {
  const gradients = tensors(3, 1e-3);
  const parameters = tensors(1);
  const state = initialAdamState(parameters);
  const limited = adamStep(parameters, gradients, state, settings);
  const free = { ...settings, gradientNormMax: Number.POSITIVE_INFINITY };
  assert.equal(adamStep(parameters, gradients, state, free), limited);
  assert.is(limited.gradientNorm, globalNorm(gradients));
});

test("norms and biases do not decay, matrices do", () => {
  const names = [
    "model.layers.0.input_layernorm.weight",
    "model.norm.weight",
    "visual.blocks.1.norm2.weight",
    "visual.merger.ln_q.weight",
    "visual.merger.mlp.0.bias",
  ];
  assert.equal(names.filter(isMatrixName), []);
  assert.ok(isMatrixName("model.embed_tokens.weight"));
  assert.ok(isMatrixName("model.layers.0.mlp.up_proj.lora_A.weight"));
});

test.run();
