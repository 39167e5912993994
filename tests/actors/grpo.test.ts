import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  assembleBatch,
  groupAdvantages,
  k3,
  type LossTokens,
  learningRateAt,
  planGradient,
  referenceGradient,
  referenceLoss,
  samplerWeights,
} from "../../actors/learner/index.ts";
import { hashName } from "../../events/index.ts";

const test = suite("learner: GRPO");
const name = hashName(new Uint8Array());
const settings = { clipLow: 0.2, clipHigh: 0.28, klCoefficient: 0 };

test("advantages are centred and divided by the constant scale", () => {
  assert.equal(groupAdvantages([1, 0, 1, 0], 0.5), [1, -1, 1, -1]);
});

test("advantages by standard deviation have unit spread", () => {
  const values = groupAdvantages([1, 0, 1, 0], "std");
  for (const value of values) assert.ok(Math.abs(Math.abs(value) - 1) < 1e-3);
});

test("equal rewards give no advantage, whatever rounding did to them", () => {
  assert.equal(groupAdvantages([0.1 + 0.2, 0.3], "std"), [0, 0]);
});

test("advantages sum to zero", () => {
  const rewards = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
    minLength: 1,
    maxLength: 16,
  });
  fc.assert(
    fc.property(rewards, (values) => {
      const total = groupAdvantages(values, 0.5).reduce((sum, value) => sum + value, 0);
      return Math.abs(total) < 1e-9;
    }),
    { seed: 1 },
  );
});

test("sampler weights are truncated from above only", () => {
  const weights = samplerWeights(Float32Array.of(0, -1, 1), Float32Array.of(0, 0, 0), 2);
  assert.is(weights[0], 1);
  assert.ok(Math.abs((weights[1] as number) - Math.exp(-1)) < 1e-7);
  assert.is(weights[2], 2);
});

test("the first pass has ratio 1 and the loss is minus the mean advantage", () => {
  const logProbs = Float32Array.of(-1, -2, -0.5);
  const terms = referenceLoss(
    {
      current: logProbs,
      old: logProbs,
      sampler: logProbs,
      weights: Float32Array.of(1, 1, 1),
      advantages: Float32Array.of(1, 1, -0.5),
      reference: null,
    },
    settings,
  );
  assert.is(terms.loss, -0.5);
  assert.is(terms.ratioMean, 1);
  assert.is(terms.clipFraction, 0);
  assert.is(terms.mismatchMax, 0);
});

test("the clip cuts off what would go further in its direction, and only that", () => {
  const tokens = (ratio: number, advantage: number): LossTokens => ({
    current: Float32Array.of(Math.log(ratio)),
    old: Float32Array.of(0),
    sampler: Float32Array.of(0),
    weights: Float32Array.of(1),
    advantages: Float32Array.of(advantage),
    reference: null,
  });
  assert.ok(Math.abs(referenceLoss(tokens(2, 1), settings).loss + 1.28) < 1e-12);
  assert.is(referenceGradient(tokens(2, 1), settings)[0], 0);
  assert.ok(Math.abs((referenceGradient(tokens(2, -1), settings)[0] as number) - 2) < 1e-6);
  assert.ok(Math.abs(referenceLoss(tokens(0.5, -1), settings).loss - 0.8) < 1e-12);
  assert.is(referenceLoss(tokens(0.5, -1), settings).clipFraction, 1);
  assert.is(referenceLoss(tokens(0.5, 1), settings).clipFraction, 0);
});

test("the gradient is that of the loss", () => {
  const logProb = fc.double({ min: -3, max: 0, noNaN: true });
  const row = fc.tuple(logProb, logProb, logProb, logProb, fc.double({ min: -2, max: 2 }));
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), (rows) => {
      const column = (index: number) => Float32Array.from(rows, (values) => values[index] ?? 0);
      const [current, old] = [column(0), column(1)];
      const weights = samplerWeights(old, column(2), 2);
      const tokens = { old, sampler: column(2), weights, reference: column(3) };
      const all = {
        ...tokens,
        current,
        advantages: column(4).map((v) => (Number.isNaN(v) ? 1 : v)),
      };
      const loss = { ...settings, klCoefficient: 0.1 };
      const gradient = referenceGradient(all, loss);
      const step = 2 ** -9;
      for (const index of current.keys()) {
        const up = current.slice();
        const down = current.slice();
        up[index] = (up[index] as number) + step;
        down[index] = (down[index] as number) - step;
        const ratio = Math.exp((current[index] as number) - (old[index] as number));
        // The kinks of the clip have no derivative.
        if (Math.min(Math.abs(ratio - 0.8), Math.abs(ratio - 1.28)) < 4 * step * ratio) continue;
        const slope =
          (referenceLoss({ ...all, current: up }, loss).loss -
            referenceLoss({ ...all, current: down }, loss).loss) /
          (Number(up[index]) - Number(down[index]));
        const scale = Math.max(1, Math.abs(slope));
        if (Math.abs(slope - (gradient[index] as number)) > 2e-3 * scale) return false;
      }
      return true;
    }),
    { seed: 2 },
  );
});

test("k3 is zero where the policies agree and positive elsewhere", () => {
  assert.is(k3(0), 0);
  assert.ok(k3(1) > 0 && k3(-1) > 0);
});

const batchSettings = {
  seed: 5,
  advantageScale: 0.5,
  minibatches: 2,
  shuffle: "trajectories" as const,
  klCoefficient: 0,
  shuffleAdvantages: false,
};

function source(rewards: readonly (readonly number[])[], step = 1) {
  const trajectories = rewards.flatMap((group, g) =>
    group.map((reward, s) => ({ stream: `t/${g}.${s}`, group: g, sample: s, reward })),
  );
  return { step, policy: name, optimizer: name, trajectories };
}

test("a batch drops groups without spread and deals the others out evenly", () => {
  const batch = assembleBatch(
    source([
      [1, 0, 1],
      [1, 1, 1],
      [0, 0, 1],
    ]),
    batchSettings,
  );
  assert.equal(batch.droppedGroups, [1]);
  assert.equal(
    batch.minibatches.map(({ length }) => length),
    [3, 3],
  );
  const members = batch.minibatches.flatMap((minibatch) => [...minibatch]).sort((a, b) => a - b);
  assert.equal(members, [0, 1, 2, 6, 7, 8]);
});

test("with a KL term groups without spread are kept", () => {
  const batch = assembleBatch(source([[1, 1]]), { ...batchSettings, klCoefficient: 0.1 });
  assert.equal(batch.droppedGroups, []);
  assert.equal([...batch.advantages], [0, 0]);
});

test("a batch does not depend on the order of arrival", () => {
  const forwards = source([
    [1, 0],
    [0, 1],
  ]);
  const backwards = { ...forwards, trajectories: forwards.trajectories.toReversed() };
  assert.equal(assembleBatch(backwards, batchSettings), assembleBatch(forwards, batchSettings));
});

test("each step draws its own minibatches", () => {
  const rewards = Array.from({ length: 8 }, () => [0, 1]);
  const [a, b] = [1, 2].map((step) => assembleBatch(source(rewards, step), batchSettings));
  assert.not.equal(a?.minibatches, b?.minibatches);
});

test("groups can stay together", () => {
  const rewards = Array.from({ length: 4 }, () => [0, 1]);
  const batch = assembleBatch(source(rewards), { ...batchSettings, shuffle: "groups" });
  for (const minibatch of batch.minibatches) {
    for (let index = 0; index < minibatch.length; index += 2) {
      assert.is((minibatch[index] as number) + 1, minibatch[index + 1]);
    }
  }
});

test("the control deals the same advantages out to other samples of the group", () => {
  const rewards = [[1, 0, 0, 0, 0, 0, 0, 0]];
  const plain = assembleBatch(source(rewards), batchSettings);
  const shuffled = Array.from({ length: 4 }, (_, step) =>
    assembleBatch(source(rewards, step + 1), { ...batchSettings, shuffleAdvantages: true }),
  );
  const sorted = (values: Float32Array) => [...values].sort((a, b) => a - b);
  for (const batch of shuffled) assert.equal(sorted(batch.advantages), sorted(plain.advantages));
  assert.ok(shuffled.some((batch) => batch.advantages[0] !== plain.advantages[0]));
});

test("a gradient plan sorts by length within a shard and never across shards", () => {
  assert.equal(planGradient([5, 3, 4, 9, 1], 2, 2), [[[1, 2], [0]], [[4, 3]]]);
});

test("a gradient plan covers every row once", () => {
  const lengths = fc.array(fc.nat(50), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      lengths,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 9 }),
      (l, s, r) => {
        const plan = planGradient(l, s, r);
        const rows = plan.flat(2).sort((a, b) => a - b);
        return rows.length === l.length && rows.every((row, index) => row === index);
      },
    ),
    { seed: 3 },
  );
});

test("the learning rate rises, then falls to its final share", () => {
  const schedule = { learningRate: 1, warmupSteps: 4, finalShare: 0.5, steps: 11 };
  assert.is(learningRateAt(1, { ...schedule, finalShare: 1 }), 0.25);
  assert.is(learningRateAt(4, { ...schedule, finalShare: 1 }), 1);
  assert.is(learningRateAt(11, schedule), 0.5);
});

test.run();
