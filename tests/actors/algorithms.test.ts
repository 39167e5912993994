// Goal: losses, slopes, advantages, weights and schedules are those of TRL and transformers, or,
// where these have none, of an independent derivation (tests/reference/algorithms.py).
import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type AdvantageRule,
  estimateAdvantages,
  type ImportanceRule,
  type LossRow,
  type LossSettings,
  learningRateAt,
  lossSlopes,
  lossTerms,
  overlongPunishment,
  samplerWeights,
} from "../../actors/learner/index.ts";

interface Row {
  readonly current: readonly number[];
  readonly old: readonly number[];
  readonly sampler: readonly number[];
  readonly reference: readonly number[];
  readonly advantage: number;
}

interface Fixture {
  readonly source: string;
  readonly rows: readonly Row[];
  readonly losses: readonly {
    readonly settings: LossSettings;
    readonly importance: ImportanceRule | null;
    readonly weights: readonly (readonly number[])[] | null;
    readonly loss: number;
    readonly slopes: readonly (readonly number[])[];
  }[];
  readonly advantages: {
    readonly group: number;
    readonly names: readonly string[];
    readonly weights: readonly number[];
    readonly parts: readonly (readonly number[])[];
    readonly rows: readonly Row[];
    readonly beta: number;
    readonly "leave-one-out with k1": readonly number[];
    readonly samples: readonly { readonly reward: number; readonly states: readonly number[] }[];
    readonly gigpo: readonly {
      readonly rule: { readonly discount: number; readonly weight: number; readonly std: boolean };
      readonly turns: readonly (readonly number[])[];
    }[];
  } & Readonly<Record<"none" | "std" | "batch-std" | "gdpo" | "leave-one-out", readonly number[]>>;
  readonly overlong: {
    readonly tokensMax: number;
    readonly cacheTokens: number;
    readonly cases: readonly (readonly [length: number, punishment: number])[];
  };
  readonly geometric: {
    readonly low: number;
    readonly high: number;
    readonly cases: readonly (readonly [distances: readonly number[], weight: number])[];
  };
  readonly schedules: {
    readonly steps: number;
    readonly linear: readonly number[];
    readonly cosine: readonly number[];
    readonly "cosine to 0.2": readonly number[];
  };
}

const text = await readFile("tests/fixtures/algorithms.json", "utf8");
const fixture = JSON.parse(text) as Fixture;
const test = suite(`learner: algorithms as in ${fixture.source}`);
const tolerance = 1e-6;

function near(actual: ArrayLike<number> | undefined, expected: readonly number[]): void {
  assert.is(actual?.length, expected.length);
  for (const [index, value] of expected.entries()) {
    const found = actual?.[index] ?? Number.NaN;
    assert.ok(Math.abs(found - value) <= tolerance, `${index}: ${found}, wanted is ${value}`);
  }
}

function lossRow(row: Row, importance: ImportanceRule | null): LossRow {
  const [old, sampler] = [Float32Array.from(row.old), Float32Array.from(row.sampler)];
  return {
    current: Float32Array.from(row.current),
    old,
    sampler,
    weights: importance === null ? old.map(() => 1) : samplerWeights(old, sampler, importance),
    advantages: old.map(() => row.advantage),
    reference: Float32Array.from(row.reference),
  };
}

for (const { settings, importance, weights, loss, slopes } of fixture.losses) {
  const { kl } = settings;
  const words = [settings.loss.type, kl.type === "none" ? "" : kl.type, importance?.type ?? ""];
  test(`${words.filter((word) => word !== "").join(", ")}: loss, slopes and weights`, () => {
    const rows = fixture.rows.map((row) => lossRow(row, importance));
    for (const [index, wanted] of (weights ?? []).entries()) near(rows[index]?.weights, wanted);
    near([lossTerms(rows, settings).loss], [loss]);
    const found = lossSlopes(rows, settings);
    for (const [index, wanted] of slopes.entries()) near(found[index], wanted);
  });
}

test("the fixture has every loss with every weight, and cases that the clip cuts", () => {
  const kinds = new Set(
    fixture.losses.map(({ settings, importance }) => `${settings.loss.type} ${importance?.type}`),
  );
  assert.is(kinds.size, 25);
  const cut = fixture.losses.filter(({ settings, importance }) => {
    const rows = fixture.rows.map((row) => lossRow(row, importance));
    return lossTerms(rows, settings).clipFraction > 0;
  });
  assert.is(cut.length, fixture.losses.length);
  const masked = fixture.losses.filter(({ weights }) => weights?.flat().includes(0));
  assert.ok(masked.length >= 10);
});

/** The samples of the fixture in their groups. */
function groupsOf(penalties: readonly number[] = []) {
  const { group, names, weights, parts } = fixture.advantages;
  const samples = parts.map((values, index) => ({
    reward:
      values.reduce((sum, value, k) => sum + value * (weights[k] ?? 0), 0) -
      (penalties[index] ?? 0),
    parts: values.map((value, k) => [names[k] ?? "", value, weights[k] ?? 0] as const),
  }));
  return Array.from({ length: samples.length / group }, (_, index) =>
    samples.slice(index * group, (index + 1) * group),
  );
}

const flat = (rule: AdvantageRule, penalties?: readonly number[]): number[] =>
  estimateAdvantages(groupsOf(penalties), rule)
    .flat()
    .map(({ advantage }) => advantage);

test("advantages: none", () => {
  near(flat({ type: "fixed", scale: 1 }), fixture.advantages.none);
});

for (const type of ["std", "batch-std", "gdpo", "leave-one-out"] as const) {
  test(`advantages: ${type}`, () => near(flat({ type }), fixture.advantages[type]));
}

test("advantages: leave one out, with k1 in the reward", () => {
  const { rows, beta } = fixture.advantages;
  const penalties = rows.map(({ old, reference }) =>
    old.reduce((sum, value, index) => sum + beta * (value - (reference[index] ?? 0)), 0),
  );
  const wanted = fixture.advantages["leave-one-out with k1"];
  near(flat({ type: "leave-one-out" }, penalties), wanted);
});

test("advantages: gigpo", () => {
  const { samples, gigpo } = fixture.advantages;
  for (const { rule, turns } of gigpo) {
    const [group = []] = estimateAdvantages([samples], { type: "gigpo", ...rule });
    for (const [index, wanted] of turns.entries()) near(group[index]?.turns ?? [], wanted);
  }
});

test("the soft punishment of length", () => {
  for (const [length, wanted] of fixture.overlong.cases) {
    near([overlongPunishment(length, fixture.overlong)], [wanted]);
  }
});

test("the geometric mask", () => {
  const { low, high, cases } = fixture.geometric;
  for (const [distances, wanted] of cases) {
    const old = Float32Array.from(distances);
    const rule = { type: "geometric-mask", low, high } as const;
    const weights = samplerWeights(old, new Float32Array(old.length), rule);
    near(
      weights,
      distances.map(() => wanted),
    );
  }
  assert.is(new Set(cases.map(([, wanted]) => wanted)).size, 2);
});

test("schedules", () => {
  const { steps, linear, cosine } = fixture.schedules;
  const rates = (decay: "linear" | "cosine", finalShare: number) =>
    Array.from({ length: steps }, (_, index) =>
      learningRateAt(index + 1, { learningRate: 1, warmupSteps: 0, finalShare, decay, steps }),
    );
  near(rates("linear", 1 / steps), linear);
  near(rates("cosine", 0), cosine);
  near(rates("cosine", 0.2), fixture.schedules["cosine to 0.2"]);
});

test.run();
