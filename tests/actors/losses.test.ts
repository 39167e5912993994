// Goal: properties of losses, advantages and weights that hold for any numbers.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type AdvantageRule,
  estimateAdvantages,
  type LossForm,
  type LossRow,
  type LossSettings,
  lossSlopes,
  lossTerms,
  samplerWeights,
} from "../../actors/learner/index.ts";

const test = suite("learner: losses");
const dapo: LossSettings = {
  loss: { type: "dapo" },
  clipLow: 0.2,
  clipHigh: 0.28,
  kl: { type: "none" },
};
const forms: readonly LossForm[] = [
  { type: "dapo" },
  { type: "grpo" },
  { type: "dr-grpo", tokensMax: 5 },
  { type: "gspo" },
  { type: "cispo" },
];

/** One token. */
const token = (ratio: number, advantage: number): LossRow => ({
  current: Float32Array.of(Math.log(ratio)),
  old: Float32Array.of(0),
  sampler: Float32Array.of(0),
  weights: Float32Array.of(1),
  advantages: Float32Array.of(advantage),
  reference: null,
});

const logProb = fc.double({ min: -3, max: 0, noNaN: true });
const advantage = fc.double({ min: -2, max: 2, noNaN: true });
const rows = fc.array(
  fc
    .array(fc.tuple(logProb, logProb, logProb, logProb), { minLength: 1, maxLength: 5 })
    .chain((tokens) => advantage.map((value) => rowOf(tokens, value))),
  { minLength: 1, maxLength: 4 },
);

function rowOf(tokens: readonly (readonly number[])[], value: number): LossRow {
  const column = (index: number) => Float32Array.from(tokens, (values) => values[index] ?? 0);
  const [old, sampler] = [column(1), column(2)];
  return {
    current: column(0),
    old,
    sampler,
    weights: samplerWeights(old, sampler, { type: "token", cap: 2 }),
    advantages: old.map(() => value),
    reference: column(3),
  };
}

const withCurrent = (all: readonly LossRow[], current: readonly Float32Array[]) =>
  all.map((row, index) => ({ ...row, current: current[index] ?? row.current }));

test("on the first pass every form's gradient is the policy gradient, and dapo's loss −mean A", () => {
  const logProbs = Float32Array.of(-1, -2, -0.5);
  const row: LossRow = {
    current: logProbs,
    old: logProbs,
    sampler: logProbs,
    weights: Float32Array.of(1, 1, 1),
    advantages: Float32Array.of(1.5, 1.5, 1.5),
    reference: null,
  };
  for (const loss of forms) {
    const [slopes] = lossSlopes([row], { ...dapo, loss });
    const divisor = loss.type === "dr-grpo" ? 5 : 3;
    for (const slope of slopes ?? []) assert.ok(Math.abs(slope + 1.5 / divisor) < 1e-12);
  }
  const terms = lossTerms([row], dapo);
  assert.is(terms.loss, -1.5);
  assert.is(terms.ratioMean, 1);
  assert.is(terms.clipFraction, 0);
  assert.is(terms.mismatchMax, 0);
});

test("the clip cuts off what would go further in its direction, and only that", () => {
  const slope = (ratio: number, value: number) => lossSlopes([token(ratio, value)], dapo)[0]?.[0];
  assert.ok(Math.abs(lossTerms([token(2, 1)], dapo).loss + 1.28) < 1e-12);
  assert.is(slope(2, 1), 0);
  assert.ok(Math.abs((slope(2, -1) as number) - 2) < 1e-6);
  assert.ok(Math.abs(lossTerms([token(0.5, -1)], dapo).loss - 0.8) < 1e-12);
  assert.is(lossTerms([token(0.5, -1)], dapo).clipFraction, 1);
  assert.is(lossTerms([token(0.5, 1)], dapo).clipFraction, 0);
});

test("cispo bounds the weight of a token and leaves it its gradient", () => {
  const settings: LossSettings = { ...dapo, loss: { type: "cispo" } };
  const slope = (ratio: number, value: number) =>
    lossSlopes([token(ratio, value)], settings)[0]?.[0] ?? 0;
  assert.ok(Math.abs(slope(2, 1) + 1.28) < 1e-6);
  assert.ok(Math.abs(slope(0.5, -1) - 0.8) < 1e-6);
  assert.is(lossTerms([token(2, 1)], settings).clipFraction, 1);
});

test("gspo cuts off a whole sequence, by the geometric mean of its ratios", () => {
  const pair = (ratios: readonly number[]): LossRow => ({
    ...token(1, 1),
    current: Float32Array.from(ratios, Math.log),
    old: new Float32Array(2),
    sampler: new Float32Array(2),
    weights: Float32Array.of(1, 1),
    advantages: Float32Array.of(1, 1),
  });
  const settings: LossSettings = { ...dapo, loss: { type: "gspo" } };
  const slopes = (row: LossRow) => [...(lossSlopes([row], settings)[0] ?? [])];
  assert.equal(slopes(pair([2, 1])), [0, 0]);
  assert.equal(slopes(pair([2, 0.5])), [-0.5, -0.5]);
});

for (const loss of forms) {
  for (const kl of ["none", "k2", "k3"] as const) {
    test(`${loss.type} with ${kl}: the slopes are those of the loss`, () => {
      const term = kl === "none" ? { type: kl } : { type: kl, coefficient: 0.1 };
      const settings: LossSettings = { ...dapo, loss, kl: term };
      fc.assert(
        fc.property(rows, (all) => slopesHold(all, settings)),
        { seed: 2, numRuns: 60 },
      );
    });
  }
}

const step = 2 ** -9;

/** Compares slopes with differences of the loss, away from the kinks of the clip. */
function slopesHold(all: readonly LossRow[], settings: LossSettings): boolean {
  return lossSlopes(all, settings).every((slopes, index) =>
    slopes.every((slope, at) => {
      if (isNearKink(all[index] as LossRow, at, settings)) return true;
      // CISPO's ratio is a constant in its gradient and none in its loss.
      const difference = settings.loss.type === "cispo" ? cispoDifference : lossDifference;
      const expected = difference(all, settings, index, at);
      return Math.abs(expected - slope) <= 2e-3 * Math.max(1, Math.abs(expected));
    }),
  );
}

function isNearKink({ current, old }: LossRow, at: number, { loss }: LossSettings): boolean {
  const logRatios = current.map((value, index) => value - (old[index] as number));
  const mean = logRatios.reduce((sum, value) => sum + value, 0) / logRatios.length;
  const ratio = Math.exp(loss.type === "gspo" ? mean : (logRatios[at] as number));
  return Math.min(Math.abs(ratio - 0.8), Math.abs(ratio - 1.28)) < 4 * step * ratio;
}

function lossDifference(
  all: readonly LossRow[],
  settings: LossSettings,
  index: number,
  at: number,
): number {
  const moved = (by: number) => {
    const current = all.map((row) => row.current.slice());
    const values = current[index] as Float32Array;
    values[at] = (values[at] as number) + by;
    const { loss } = lossTerms(withCurrent(all, current), settings);
    return { at: values[at] as number, loss };
  };
  const [up, down] = [moved(step), moved(-step)];
  return (up.loss - down.loss) / (up.at - down.at);
}

/** −w clip(ρ) A / N and the KL term's slope, by the definition. */
function cispoDifference(
  all: readonly LossRow[],
  { kl }: LossSettings,
  index: number,
  at: number,
): number {
  const row = all[index] as LossRow;
  const number = (values: Float32Array | null) => values?.[at] as number;
  const ratio = Math.exp(number(row.current) - number(row.old));
  const policy =
    -number(row.weights) * Math.min(Math.max(ratio, 0.8), 1.28) * number(row.advantages);
  const drift = number(row.reference) - number(row.current);
  const slopes = { none: 0, k2: -0.1 * drift, k3: 0.1 * (1 - Math.exp(drift)) };
  const tokens = all.reduce((sum, { current }) => sum + current.length, 0);
  return (policy + slopes[kl.type as keyof typeof slopes]) / tokens;
}

test("a loss does not depend on the order of its sequences, nor on what they are doubled by", () => {
  fc.assert(
    fc.property(rows, (all) =>
      forms.every((loss) => {
        const settings: LossSettings = { ...dapo, loss, kl: { type: "k3", coefficient: 0.1 } };
        const { loss: value } = lossTerms(all, settings);
        const others = [all.toReversed(), [...all, ...all]];
        const near = (other: number) =>
          Math.abs(other - value) <= 1e-9 * Math.max(1, Math.abs(value));
        return others.every((other) => near(lossTerms(other, settings).loss));
      }),
    ),
    { seed: 3, numRuns: 60 },
  );
});

test("sequences of one length have the same loss by token and by sequence", () => {
  const even = fc.array(
    fc.array(fc.tuple(logProb, logProb, logProb, logProb), { minLength: 4, maxLength: 4 }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(even, advantage, (tokens, value) => {
      const all = tokens.map((one) => rowOf(one, value));
      const of = (loss: LossForm) => lossTerms(all, { ...dapo, loss }).loss;
      const [byToken, bySequence] = [of({ type: "dapo" }), of({ type: "grpo" })];
      const constant = of({ type: "dr-grpo", tokensMax: 4 });
      return Math.abs(byToken - bySequence) < 1e-9 && Math.abs(byToken - constant) < 1e-9;
    }),
    { seed: 4 },
  );
});

const groups = fc.array(
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 8 }),
  { minLength: 1, maxLength: 5 },
);
const rules: readonly AdvantageRule[] = [
  { type: "fixed", scale: 0.5 },
  { type: "std" },
  { type: "batch-std" },
  { type: "leave-one-out" },
  { type: "gdpo" },
];
const samplesOf = (rewards: readonly number[]) =>
  rewards.map((reward) => ({
    reward,
    parts: [["f1", reward, 1] as const, ["format", Math.round(reward), 0.5] as const],
  }));

for (const rule of rules) {
  test(`${rule.type}: advantages of a group sum to zero, and more is never worth less`, () => {
    fc.assert(
      fc.property(groups, (all) => {
        const estimates = estimateAdvantages(all.map(samplesOf), rule);
        return estimates.every((group, index) => {
          const values = group.map(({ advantage: value }) => value);
          const total = values.reduce((sum, value) => sum + value, 0);
          const rewards = all[index] ?? [];
          const ordered = rewards.every((a, i) =>
            rewards.every((b, j) => a <= b || (values[i] ?? 0) >= (values[j] ?? 0)),
          );
          return ordered && Math.abs(total) < 1e-6 * Math.max(1, ...values.map(Math.abs));
        });
      }),
      { seed: 1 },
    );
  });

  test(`${rule.type}: equal rewards give no advantage, whatever rounding did to them`, () => {
    const [equal] = estimateAdvantages(
      [
        [0.1 + 0.2, 0.3],
        [0, 1],
      ].map(samplesOf),
      rule,
    );
    assert.equal(
      equal?.map(({ advantage: value }) => value),
      [0, 0],
    );
  });
}

test("advantages are centred and divided by the constant scale", () => {
  const [group] = estimateAdvantages([samplesOf([1, 0, 1, 0])], { type: "fixed", scale: 0.5 });
  assert.equal(
    group?.map(({ advantage: value }) => value),
    [1, -1, 1, -1],
  );
});

test("weights are 1 where sampler and learner agree, whatever the rule", () => {
  const logProbs = Float32Array.of(-1, -2);
  for (const type of ["token", "sequence"] as const) {
    assert.equal([...samplerWeights(logProbs, logProbs, { type, cap: 2 })], [1, 1]);
  }
  for (const type of ["token-mask", "sequence-mask", "geometric-mask"] as const) {
    const rule = { type, low: 0.9, high: 1.1 };
    assert.equal([...samplerWeights(logProbs, logProbs, rule)], [1, 1]);
  }
});

test("token weights are truncated from above only", () => {
  const rule = { type: "token", cap: 2 } as const;
  const weights = samplerWeights(Float32Array.of(0, -1, 1), Float32Array.of(0, 0, 0), rule);
  assert.is(weights[0], 1);
  assert.ok(Math.abs((weights[1] as number) - Math.exp(-1)) < 1e-7);
  assert.is(weights[2], 2);
});

test.run();
