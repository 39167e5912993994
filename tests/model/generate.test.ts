// Goal: a turn is a pure call. Method: the same row among other neighbours, in other buckets and
// with shared contexts must give the same bytes; the learner must score its tokens alike; and the
// draws must follow the distribution.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import {
  type GenerateRow,
  initialTensors,
  type Policy,
  parseModelConfig,
  type Sequence,
  type Turn,
} from "../../model/index.ts";
import { policyLogProbs, ReferenceModel } from "./reference-model.ts";
import {
  lora,
  openTiny,
  sampling,
  shaken,
  tinyConfig,
  tinyConfigJson,
  tinyImage,
  tinyRow,
  tinySequence,
  tinyTensors,
} from "./tiny-model.ts";

const options = { ...sampling, stopIds: [7, 8, 9] };
const propertySeed = 20_251;

let policy: Policy;
const test = suite("generation");
test.before(async () => {
  policy = await openTiny(lora, ["vision", "generate", "learn"]);
});
test.after(async () => policy.close());

const adapters = () => shaken(policy.trainable, 21);
let parameters: Policy["trainable"];
test.before(() => {
  parameters = adapters();
});

function randomRows(seed: number, count: number): GenerateRow[] {
  const random = new RandomStream(seed, "rows");
  const image = tinyImage(random, 4, 6);
  return Array.from({ length: count }, () => {
    const images = [[], [image], [tinyImage(random, 2, 4), image]][random.integer(3)] ?? [];
    const context = tinySequence(random, 2 + random.integer(30), images);
    return tinyRow(random, context, 1 + random.integer(12));
  });
}

function bytesOf(turn: Turn | undefined): string {
  assert.ok(turn !== undefined);
  const parts = [turn.ids, turn.logProbs, turn.entropies];
  return parts.map((part) => Buffer.from(part.buffer, 0, part.byteLength).toString("hex")).join();
}

test("the bytes of a turn do not depend on its neighbours, their length or the padding", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 7 }), async (seed, count) => {
      const [row, ...others] = randomRows(seed, count + 1);
      if (row === undefined) return;
      const alone = await policy.generate(parameters, [row], options);
      const among = await policy.generate(parameters, [...others, row], options);
      assert.is(bytesOf(among.at(-1)), bytesOf(alone[0]));
    }),
    { seed: propertySeed, numRuns: 25 },
  );
});

test("nor do they at sizes at which a product is cut up for several threads", async () => {
  const config = parseModelConfig({
    ...tinyConfigJson,
    hidden_size: 96,
    intermediate_size: 256,
    num_attention_heads: 12,
    vocab_size: 720,
    vision_config: { ...tinyConfigJson.vision_config, out_hidden_size: 96 },
  });
  const wide = await openTiny({ type: "full" }, ["generate"], config, initialTensors(config, 13));
  const random = new RandomStream(propertySeed, "wide");
  const rows = Array.from({ length: 48 }, () => {
    return tinyRow(random, tinySequence(random, 20 + random.integer(60)), 3);
  });
  const together = await wide.generate(wide.trainable, rows, options);
  for (const [start, count] of [
    [0, 1],
    [1, 3],
    [4, 12],
    [16, 32],
  ] as const) {
    const some = await wide.generate(wide.trainable, rows.slice(start, start + count), options);
    assert.equal(some.map(bytesOf), together.slice(start, start + count).map(bytesOf));
  }
  await wide.close();
});

test("rows that share a context give the bytes of rows that bring their own", async () => {
  const random = new RandomStream(31);
  const context = tinySequence(random, 19, [tinyImage(random, 4, 4)]);
  const rows = [1, 2, 3].map(() => tinyRow(random, context, 9));
  const copies = rows.map((row) => ({ ...row, context: { ...context } }));
  const shared = await policy.generate(parameters, rows, options);
  const apart = await policy.generate(parameters, copies, options);
  assert.equal(shared.map(bytesOf), apart.map(bytesOf));
});

test("the learner scores sampled tokens with the sampler's bytes", async () => {
  const rows = randomRows(77, 12);
  const turns = await policy.generate(parameters, rows, options);
  const batch = rows.map(({ context }, at) => learnRow(context, turns[at] as Turn));
  const scores = await policy.logProbs(parameters, { rows: batch, sampling });
  assert.equal(
    [...scores.logProbs],
    turns.flatMap(({ logProbs }) => [...logProbs]),
  );
  assert.equal(
    [...scores.entropies],
    turns.flatMap(({ entropies }) => [...entropies]),
  );
});

function learnRow(context: Sequence, { ids }: Turn) {
  const start = context.ids.length;
  return {
    ids: [...Array.from(context.ids), ...ids],
    images: context.images,
    chosen: Array.from(ids, (_, at) => start + at),
  };
}

test("greedy turns follow the likeliest token of a full forward pass", async () => {
  const plain = await openTiny({ type: "full" }, ["vision", "generate"]);
  const random = new RandomStream(5);
  const row = tinyRow(random, tinySequence(random, 12, [tinyImage(random, 4, 4)]), 6);
  const [turn] = await plain.generate(plain.trainable, [row], { ...options, greedy: true });
  await plain.close();
  const reference = new ReferenceModel(tinyConfig, tinyTensors);
  const ids = Array.from(row.context.ids);
  for (const id of turn?.ids ?? []) {
    const logits = reference.logits({ ids, images: row.context.images }).at(-1) ?? [];
    const logs = policyLogProbs(logits, sampling.temperature, sampling.bannedIds);
    assert.is(logs.indexOf(Math.max(...logs)), id);
    ids.push(id);
  }
});

test("a turn ends at a stop token, which belongs to it, or at its limit", async () => {
  const turns = await policy.generate(parameters, randomRows(99, 40), options);
  const rows = randomRows(99, 40);
  for (const [index, { ids, end, logProbs, entropies }] of turns.entries()) {
    const stopAt = [...ids].findIndex((id) => options.stopIds.includes(id));
    if (end === "stop") assert.is(stopAt, ids.length - 1);
    else assert.equal([stopAt, ids.length], [-1, rows[index]?.tokensMax]);
    assert.equal([logProbs.length, entropies.length], [ids.length, ids.length]);
  }
  assert.ok(turns.some(({ end }) => end === "stop"));
  assert.ok(turns.some(({ end }) => end === "length"));
});

test("draws follow the distribution and never give a banned token", async () => {
  const random = new RandomStream(6);
  const context = tinySequence(random, 10);
  const draws = 4000;
  const rows = Array.from({ length: draws }, (_, at) => ({
    context,
    tokensMax: 1,
    // Every uniform number of a grid, and the largest one below 1.
    uniforms: Float32Array.of(at === draws - 1 ? 1 - 2 ** -24 : (at + 0.5) / draws),
  }));
  const turns = await policy.generate(parameters, rows, options);
  const counts = new Map<number, { seen: number; logProb: number }>();
  for (const { ids, logProbs } of turns) {
    const [id = -1] = ids;
    assert.not(sampling.bannedIds.includes(id));
    counts.set(id, { seen: (counts.get(id)?.seen ?? 0) + 1, logProb: logProbs[0] ?? 0 });
  }
  // A grid of draws must hit every token in proportion, within one draw at each of its two edges.
  for (const [id, { seen, logProb }] of counts)
    assert.ok(Math.abs(seen - draws * Math.exp(logProb)) < 3, `token ${id}: ${seen}`);
});

test("an adapter of zeros changes nothing", async () => {
  const plain = await openTiny({ type: "full" }, ["vision", "generate"]);
  const rows = randomRows(13, 3);
  const without = await plain.generate(plain.trainable, rows, options);
  const withZeros = await policy.generate(policy.trainable, rows, options);
  await plain.close();
  assert.equal(
    without.map(({ ids }) => [...ids]),
    withZeros.map(({ ids }) => [...ids]),
  );
});

test.run();
