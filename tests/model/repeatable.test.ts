// Goal: a gradient is the same to the byte however often and with however many threads it is
// computed (invariant I4), also where tokens repeat by the thousand and their gradients are added.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import { initialTensors, openPolicy, parseModelConfig } from "../../model/index.ts";
import { tinyConfigJson } from "./tiny-model.ts";

const test = suite("model: repeatable gradients");

const config = parseModelConfig({
  ...tinyConfigJson,
  hidden_size: 96,
  intermediate_size: 128,
  num_attention_heads: 3,
  num_key_value_heads: 1,
  num_hidden_layers: 1,
  rope_scaling: { mrope_section: [4, 6, 6] },
  vision_config: { ...tinyConfigJson.vision_config, out_hidden_size: 96 },
});

const rowCount = 32;
const tokenCount = 112;
const repetitions = 6;

test("the same gradient with two threads, again and again, and with one", async () => {
  const random = new RandomStream("repeatable");
  const rows = Array.from({ length: rowCount }, () => {
    const ids = Array.from({ length: tokenCount }, () => 7 + random.integer(8));
    return { ids, images: [], chosen: ids.map((_, index) => index).slice(1) };
  });
  const count = rowCount * (tokenCount - 1);
  const batch = { rows, sampling: { temperature: 1, bannedIds: [] } };
  const loss = { normalizer: count, crossEntropy: { weights: new Float32Array(count).fill(1) } };
  const tensors = initialTensors(config, 1);
  const seen: (Float32Array | undefined)[] = [];
  for (const threads of [2, 1]) {
    const tuning = { type: "full", scope: "language" } as const;
    const policy = await openPolicy({
      config,
      tensors,
      tuning,
      threads,
      roles: ["vision", "learn"],
    });
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const { gradients } = await policy.gradient(policy.trainable, batch, loss);
      seen.push(gradients.get("model.embed_tokens.weight"));
    }
    await policy.close();
  }
  const [first] = seen;
  assert.ok(first);
  for (const other of seen) assert.equal(other, first);
});

test.run();
