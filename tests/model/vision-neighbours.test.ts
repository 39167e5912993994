// Goal: an image is read to the same bytes whatever is read with it, and with however many threads
// (invariant I4), at the sizes of models/tiny, whose first product has more terms than columns.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import {
  type ImageInput,
  initialTensors,
  openPolicy,
  parseModelConfig,
} from "../../model/index.ts";
import { tinyConfigJson } from "./tiny-model.ts";

const test = suite("model: images beside images");

const seed = "images beside images";
const config = parseModelConfig({
  ...tinyConfigJson,
  vision_config: {
    ...tinyConfigJson.vision_config,
    hidden_size: 96,
    intermediate_size: 192,
    num_heads: 3,
    patch_size: 14,
    window_size: 112,
  },
});
const valuesPerPatch = 1_176;

function drawImage(random: RandomStream, hash: string): ImageInput {
  const grid = [1, 4, 4] as const;
  const pixels = Float32Array.from({ length: 16 * valuesPerPatch }, () => random.normal());
  return { hash, grid, pixels };
}

async function openVision(threads: number) {
  const tensors = initialTensors(config, 5);
  return openPolicy({ config, tensors, tuning: { type: "full" }, threads, roles: ["vision"] });
}

test("an image's bytes depend neither on its neighbours nor on the threads", async () => {
  console.log(`seed: ${seed}`);
  const random = new RandomStream(seed);
  const image = drawImage(random, "image");
  const [one, two] = [await openVision(1), await openVision(2)];
  const [alone] = await one.vision(one.trainable, [image]);
  for (const count of [0, 1, 2, 3, 5, 7, 15, 31]) {
    for (const policy of [one, two]) {
      const others = Array.from({ length: count }, (_, at) => drawImage(random, `${count}.${at}`));
      const again = { ...image, hash: `image beside ${count}` };
      const read = await policy.vision(policy.trainable, [...others, again]);
      assert.equal(read.at(-1), alone, `beside ${count} others`);
    }
  }
  await Promise.all([one.close(), two.close()]);
});

test.run();
