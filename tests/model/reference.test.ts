// Goal: the graphs compute Qwen2.5-VL. Method: compare with a second, plain implementation.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import type { ModelConfig, TensorMap } from "../../model/index.ts";
import {
  initialTensors,
  modelParameters,
  openPolicy,
  parseModelConfig,
} from "../../model/index.ts";
import { writeSafetensors } from "../../model/input/index.ts";
import { policyLogProbs, ReferenceModel } from "./reference-model.ts";
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

const test = suite("model against the reference");

/** float32 sums against float64 ones. */
const errorMax = 2e-5;

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.is(a.length, b.length);
  return Array.from(a, (value, at) => Math.abs(value - (b[at] as number))).reduce(
    (m, v) => Math.max(m, v),
    0,
  );
}

async function compareLogProbs(config: ModelConfig, tensors: TensorMap): Promise<number> {
  const random = new RandomStream(3);
  const policy = await openTiny({ type: "full" }, ["vision", "learn"], config, tensors);
  const rows = [
    tinySequence(random, 26, [tinyImage(random, 6, 10)]),
    tinySequence(random, 9),
    tinySequence(random, 25, [tinyImage(random, 4, 4), tinyImage(random, 2, 8)]),
  ].map((row) => ({ ...row, chosen: [row.ids.length - 3, row.ids.length - 1] }));
  const { logProbs } = await policy.logProbs(policy.trainable, { rows, sampling });
  await policy.close();
  const reference = new ReferenceModel(config, tensors);
  const expected = rows.flatMap((row) => {
    const logits = reference.logits(row);
    return row.chosen.map((at) => {
      const logs = policyLogProbs(
        logits[at - 1] as number[],
        sampling.temperature,
        sampling.bannedIds,
      );
      return logs[row.ids[at] as number] as number;
    });
  });
  return largestGap(logProbs, expected);
}

test("image tokens of images with partial windows agree", async () => {
  const random = new RandomStream(1);
  const images = [
    [4, 4],
    [6, 10],
    [2, 2],
    [8, 8],
  ].map(([height = 0, width = 0]) => tinyImage(random, height, width));
  const policy = await openTiny({ type: "full" }, ["vision"]);
  const encoded = await policy.vision(policy.trainable, images);
  await policy.close();
  const reference = new ReferenceModel(tinyConfig, tinyTensors);
  for (const [index, image] of images.entries()) {
    const gap = largestGap(encoded[index] ?? [], reference.vision(image).flat());
    assert.ok(gap < errorMax, `image ${index}: ${gap}`);
  }
});

test("log-probabilities of mixed rows of text and images agree", async () => {
  const gap = await compareLogProbs(tinyConfig, tinyTensors);
  assert.ok(gap < errorMax, `${gap}`);
});

test("an untied head and one query head per key-value head agree", async () => {
  const config = parseModelConfig({
    ...tinyConfigJson,
    tie_word_embeddings: false,
    num_key_value_heads: 4,
  });
  const gap = await compareLogProbs(config, shaken(initialTensors(config, 2), 3));
  assert.ok(gap < errorMax, `${gap}`);
});

for (const dtype of ["F32", "BF16"] as const) {
  test(`a checkpoint folder in ${dtype} is read where it lies`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "varft-model-"));
    try {
      const stored = new Map(
        modelParameters(tinyConfig).map(({ name, shape }) => [
          name,
          { shape, data: rounded(tinyTensors.get(name) ?? new Float32Array(0)) },
        ]),
      );
      await writeSafetensors(join(directory, "model.safetensors"), stored, dtype);
      await writeFile(join(directory, "config.json"), JSON.stringify(tinyConfigJson));
      const random = new RandomStream(4);
      const row = tinySequence(random, 16, [tinyImage(random, 4, 6)]);
      const batch = { rows: [{ ...row, chosen: [14, 15] }], sampling };
      const options = { directory, tuning: lora, threads: 1, roles: ["vision", "learn"] } as const;
      const fromFile = await openPolicy(options);
      const fromMemory = await openTiny(
        lora,
        ["vision", "learn"],
        tinyConfig,
        new Map([...stored].map(([name, { data }]) => [name, data])),
      );
      const [a, b] = [
        await fromFile.logProbs(fromFile.trainable, batch),
        await fromMemory.logProbs(fromFile.trainable, batch),
      ];
      const mapped = await openPolicy({ ...options, mapped: true });
      const fromPages = await mapped.logProbs(fromFile.trainable, batch);
      await mapped.close();
      await fromFile.close();
      await fromMemory.close();
      assert.equal([...a.logProbs], [...b.logProbs]);
      assert.ok(largestGap(fromPages.logProbs, a.logProbs) < errorMax);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

/** Values that bfloat16 holds exactly, so that both storage types mean the same numbers. */
function rounded(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Float32Array(bits.map((word) => word & 0xffff0000).buffer);
}

test.run();
