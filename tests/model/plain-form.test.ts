// Goal: graphs as WebGPU needs them (no fused operations, an older standard, no loop but a run per
// token) say the same as those that ship. Method: both on the CPU, on the same inputs. They round
// differently, so numbers are compared within a tolerance; tokens must be equal.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import type { GenerateRow, Policy, PolicyOptions, TurnPiece } from "../../model/index.ts";
import { openPolicy } from "../../model/index.ts";
import {
  lora,
  sampling,
  shaken,
  tinyConfig,
  tinyImage,
  tinyRow,
  tinySequence,
  tinyTensors,
} from "./tiny-model.ts";

const seed = 47;
/** Of a log-probability, an entropy or an image token. */
const differenceMax = 2e-5;
/** Of a gradient's norm. */
const shareMax = 1e-4;

const test = suite("model: the plain form");
const opened: Policy[] = [];

async function open(kernels: "every" | "plain", options: Partial<PolicyOptions> = {}) {
  const policy = await openPolicy({
    config: tinyConfig,
    tensors: tinyTensors,
    tuning: lora,
    threads: 2,
    roles: ["vision", "generate", "stream", "learn"],
    kernels,
    ...options,
  });
  opened.push(policy);
  return policy;
}

let usual: Policy;
let plain: Policy;
test.before(async () => {
  usual = await open("every");
  plain = await open("plain");
});
test.after(async () => {
  for (const policy of opened) await policy.close();
});

function randomRows(count: number): readonly GenerateRow[] {
  const random = new RandomStream(seed, "rows");
  const image = tinyImage(random, 4, 6);
  const shared = tinySequence(random, 14, [image]);
  return Array.from({ length: count }, (_, index) => {
    const images = index % 2 === 0 ? [] : [tinyImage(random, 2, 4), image];
    const own = tinySequence(random, 2 + random.integer(30), images);
    return tinyRow(random, index % 3 === 0 ? shared : own, 1 + random.integer(12));
  });
}

function isNear(a: ArrayLike<number>, b: ArrayLike<number>, what: string): void {
  assert.is(a.length, b.length, what);
  const most = Math.max(0, ...Array.from(a, (value, at) => Math.abs(value - (b[at] ?? 0))));
  assert.ok(most <= differenceMax, `${what} differ by ${most}`);
}

const draws: readonly (readonly [name: string, greedy: boolean, stopIds: readonly number[]])[] = [
  ["sampling", false, []],
  ["sampling with stop tokens", false, [7, 8, 9, 20, 21, 22, 23, 24]],
  ["taking the likeliest", true, []],
];
for (const [name, greedy, stopIds] of draws) {
  test(`${name}, step by step, gives the loop's turns (seed ${seed})`, async () => {
    const parameters = shaken(usual.trainable, 3);
    const options = { ...sampling, greedy, stopIds };
    const rows = randomRows(12);
    const expected = await usual.generate(parameters, rows, options);
    const turns = await plain.generate(parameters, rows, options);
    for (const [index, turn] of turns.entries()) {
      const other = expected[index];
      assert.equal([...turn.ids], [...(other?.ids ?? [])], `ids of row ${index}`);
      assert.is(turn.end, other?.end);
      isNear(turn.logProbs, other?.logProbs ?? [], `log-probs of row ${index}`);
      isNear(turn.entropies, other?.entropies ?? [], `entropies of row ${index}`);
    }
    if (stopIds.length > 0) assert.ok(turns.some(({ end }) => end === "stop"));
  });
}

test("neighbours change nothing but rounding", async () => {
  const rows = randomRows(7);
  const options = { ...sampling, stopIds: [] };
  const together = await plain.generate(plain.trainable, rows, options);
  for (const [index, row] of rows.entries()) {
    const [alone] = await plain.generate(plain.trainable, [row], options);
    assert.equal([...(alone?.ids ?? [])], [...(together[index]?.ids ?? [])], `ids of row ${index}`);
    isNear(alone?.logProbs ?? [], together[index]?.logProbs ?? [], `log-probs of row ${index}`);
  }
});

test("a streamed turn is the turn, a token at a time", async () => {
  const [row] = randomRows(1);
  assert.ok(row !== undefined);
  const options = { ...sampling, stopIds: [] };
  const [turn] = await plain.generate(plain.trainable, [row], options);
  const pieces: TurnPiece[] = [];
  for await (const piece of plain.stream(plain.trainable, row, options, () => 5))
    pieces.push(piece);
  for (const key of ["ids", "logProbs", "entropies"] as const)
    assert.equal(
      pieces.flatMap((piece) => [...piece[key]]),
      [...(turn?.[key] ?? [])],
    );
  assert.equal(
    pieces.map(({ end }) => end),
    [...pieces.slice(1).map(() => undefined), "length"],
  );
});

test("image tokens are the same", async () => {
  const random = new RandomStream(seed, "images");
  const images = [tinyImage(random, 4, 6), tinyImage(random, 2, 2), tinyImage(random, 8, 10)];
  const expected = await usual.vision(usual.trainable, images);
  const rows = await plain.vision(usual.trainable, images);
  for (const [index, values] of rows.entries())
    isNear(values, expected[index] ?? [], `image ${index}`);
});

for (const [name, options] of [
  ["adapters", {}],
  ["all parameters, the tower's too", { tuning: { type: "full", scope: "all" } }],
  ["all parameters, by segments", { tuning: { type: "full" }, recompute: "segments" }],
] as const) {
  test(`gradients of ${name} are the same`, async () => {
    const roles = ["vision", "learn"] as const;
    const one = await open("every", { ...options, roles });
    const random = new RandomStream(seed, name);
    const rows = [5, 19, 30].map((length) => {
      const { ids, images } = tinySequence(random, length, [tinyImage(random, 4, 4)]);
      return { ids, images, chosen: [2, 4, ids.length - 1] };
    });
    const weights = Float32Array.from({ length: 9 }, () => random.normal());
    const loss = { normalizer: 9, crossEntropy: { weights } };
    const parameters = shaken(one.trainable, 8);
    const expected = await one.gradient(parameters, { rows, sampling }, loss);
    const other = await open("plain", { ...options, roles });
    const found = await other.gradient(parameters, { rows, sampling }, loss);
    isNear(found.logProbs, expected.logProbs, "log-probs");
    isNear([found.loss], [expected.loss], "losses");
    for (const [parameter, values] of expected.gradients) {
      const share = differenceShare(found.gradients.get(parameter), values);
      assert.ok(share <= shareMax, `${parameter} differs by ${share} of its norm`);
    }
  });
}

function differenceShare(found: Float32Array | undefined, expected: Float32Array): number {
  const differences = expected.map((value, at) => value - (found?.[at] ?? Number.NaN));
  return Math.hypot(...differences) / (Math.hypot(...expected) || 1);
}

test.run();
