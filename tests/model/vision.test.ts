// Goal: an image's tokens are a function of the image and the tower's parameters alone.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import type { Policy } from "../../model/index.ts";
import { lora, openTiny, shaken, tinyImage } from "./tiny-model.ts";

const propertySeed = 4711;
let policy: Policy;
const test = suite("vision");
test.before(async () => {
  policy = await openTiny(lora, ["vision"]);
});
test.after(async () => policy.close());

test("an image's bytes do not depend on the images it is encoded with", async () => {
  const parameters = shaken(policy.trainable, 1);
  const side = fc.integer({ min: 1, max: 5 }).map((units) => 2 * units);
  const sizes = fc.array(fc.tuple(side, side), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.nat(), side, side, sizes, async (seed, height, width, others) => {
      const random = new RandomStream(seed, "vision");
      const image = tinyImage(random, height, width);
      const batch = others.map(([h, w]) => tinyImage(random, h, w));
      const [alone] = await policy.vision(parameters, [image]);
      // Another name keeps the remembered result out of the comparison.
      const copy = { ...image, hash: `${image.hash} again` };
      const among = await policy.vision(parameters, [...batch, copy]);
      assert.equal(among.at(-1), alone);
    }),
    { seed: propertySeed, numRuns: 25 },
  );
});

test("other tower parameters give other tokens for the same image", async () => {
  const image = tinyImage(new RandomStream(2), 4, 4);
  const [before] = await policy.vision(policy.trainable, [image]);
  const [after] = await policy.vision(shaken(policy.trainable, 3), [image]);
  assert.not.equal(after, before);
});

test.run();
