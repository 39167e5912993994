// Goal: what a stored policy trains is read from its bytes alone, in the order of the model,
// because AdamW's norm is a sum in that order.

import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  initialAdamState,
  parseModelConfig,
  TensorCodec,
  trainableParameters,
} from "../../model/index.ts";
import { sizeOfShape } from "../../model/qwen/index.ts";

const test = suite("the codec of a stored policy");

const tunings = [
  { type: "full", scope: "all" },
  { type: "full", scope: "language" },
  { type: "lora", rank: 2, alpha: 4, seed: 1, scope: "all" },
  { type: "lora", rank: 2, alpha: 4, seed: 1, scope: "language" },
] as const;

async function modelOf(layers: number, tied: boolean) {
  const text = await readFile("models/tiny/config.json", "utf8");
  const json = JSON.parse(text) as Record<string, unknown> & { vision_config: object };
  const more = { num_hidden_layers: layers, tie_word_embeddings: tied };
  const vision = { ...json.vision_config, depth: layers };
  return parseModelConfig({ ...json, ...more, vision_config: vision }, "a test");
}

for (const layers of [1, 12]) {
  for (const tied of [true, false]) {
    test(`${layers} layers, ${tied ? "tied" : "untied"}: names, shapes, order as the model has them`, async () => {
      const config = await modelOf(layers, tied);
      for (const tuning of tunings) {
        const parameters = trainableParameters(config, tuning);
        const values = new Map(
          parameters.map(({ name, shape }, at) => [
            name,
            new Float32Array(sizeOfShape(shape)).fill(at),
          ]),
        );
        const real = new TensorCodec(parameters);
        const stored = TensorCodec.ofStored(real.encode(values), "a test");
        const read = stored.decode(real.encode(values), "a test");
        assert.equal(
          [...read.keys()],
          parameters.map(({ name }) => name),
        );
        const state = real.encodeAdam(initialAdamState(values));
        assert.equal(stored.encodeAdam(stored.decodeAdam(state, "a test")), state);
      }
    });
  }
}

test("names that no model has are kept, and a number in a name makes no layers", () => {
  const codec = new TensorCodec([
    { name: "table", shape: [2] },
    { name: "model.layers.999999999.mlp.up_proj.weight", shape: [1] },
  ]);
  const values = new Map([
    ["table", Float32Array.of(1, 2)],
    ["model.layers.999999999.mlp.up_proj.weight", Float32Array.of(3)],
  ]);
  const bytes = codec.encode(values);
  assert.equal(TensorCodec.ofStored(bytes, "a test").encode(values), bytes);
});

test.run();
