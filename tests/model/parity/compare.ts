// The largest difference between this model and the reference, quantity by quantity.
import type { LossInputs, Policy, Role, TensorMap, Tuning } from "../../../model/index.ts";
import { openPolicy, trainableParameters } from "../../../model/index.ts";
import { type Fixture, promptOf, type RecordedGradients } from "./fixture.ts";
import { projections, spread, uniforms, weightOf } from "./formula.ts";
import { allLogits } from "./logits.ts";

/** How far we are from the reference in one quantity, and where it is worst. */
export interface Difference {
  readonly quantity: string;
  /** `absolute`, `of the norm` or `tokens`. */
  readonly unit: string;
  readonly largest: number;
  readonly where: string;
  /** What it may be at most. */
  readonly max: number;
}

/** The bound on values and, relative to the norm of each, on gradients. */
const differenceMax = 1e-4;

/** Keeps the largest of what it is shown. */
class Largest {
  readonly #quantity: string;
  readonly #unit: string;
  readonly #max: number;
  #largest = 0;
  #where = "";

  constructor(quantity: string, unit = "absolute", max: number = differenceMax) {
    this.#quantity = quantity;
    this.#unit = unit;
    this.#max = max;
  }

  see(where: string, actual: number | undefined, expected: number, scale = 1): void {
    const difference = Math.abs((actual ?? Number.NaN) - expected) / scale;
    if (difference <= this.#largest) return;
    // What is not a number is larger than any.
    this.#largest = Number.isNaN(difference) ? Number.MAX_VALUE : difference;
    this.#where = where;
  }

  seeAll(where: string, actual: ArrayLike<number>, expected: ArrayLike<number>, scale = 1): void {
    const length = Math.max(actual.length, expected.length);
    for (let at = 0; at < length; at++)
      this.see(`${where} [${at}]`, actual[at], expected[at] ?? Number.NaN, scale);
  }

  get difference(): Difference {
    return {
      quantity: this.#quantity,
      unit: this.#unit,
      largest: this.#largest,
      where: this.#where,
      max: this.#max,
    };
  }
}

/** Everything that a fixture records. */
export async function differencesOf(fixture: Fixture): Promise<readonly Difference[]> {
  const { recorded } = fixture;
  const { rank, alpha, runs } = recorded.batch.lora;
  const full = await openAs(fixture, { type: "full" }, ["vision", "generate", "learn"]);
  const language = await openAs(fixture, { type: "full", scope: "language" }, learning);
  const lora = await openAs(fixture, { type: "lora", rank, alpha, seed: 0 }, learning);
  try {
    return [
      await visionDifference(fixture, full),
      await logitsDifference(fixture),
      await logProbsDifference(fixture, full),
      await greedyDifference(fixture, full),
      ...(await gradientDifferences(fixture, "full", full, recorded.batch.full)),
      ...(await gradientDifferences(fixture, "language", language, recorded.batch.full)),
      ...(await gradientDifferences(fixture, "lora", lora, runs)),
    ];
  } finally {
    for (const { policy } of [full, language, lora]) await policy.close();
  }
}

const learning: readonly Role[] = ["vision", "learn"];

/** A policy with its parameters. */
interface Opened {
  readonly policy: Policy;
  readonly parameters: TensorMap;
}

async function openAs(
  { config, tensors }: Fixture,
  tuning: Tuning,
  roles: readonly Role[],
): Promise<Opened> {
  const policy = await openPolicy({ config, tensors, tuning, threads: 1, roles });
  const trainable = trainableParameters(config, tuning);
  return { policy, parameters: new Map(trainable.map((one) => [one.name, weightOf(one)])) };
}

async function visionDifference(
  { recorded, images }: Fixture,
  { policy, parameters }: Opened,
): Promise<Difference> {
  const largest = new Largest("vision");
  const encoded = await policy.vision(parameters, [...images.values()]);
  for (const [index, { name, first, last, projections: sums }] of recorded.images.entries()) {
    const values = encoded[index] ?? new Float32Array(0);
    largest.seeAll(`${name}, first token`, values.subarray(0, first.length), first);
    largest.seeAll(`${name}, last token`, values.subarray(-last.length), last);
    largest.seeAll(`${name}, projection`, projections(values), sums, Math.sqrt(values.length));
  }
  return largest.difference;
}

async function logitsDifference({ recorded, config, tensors, rows }: Fixture): Promise<Difference> {
  const largest = new Largest("logits");
  const all = await allLogits(config, tensors, rows);
  for (const [index, { name, logits }] of recorded.sequences.entries()) {
    const found = all[index] ?? new Float32Array(0);
    for (const [row, place] of logits.places.entries()) {
      const start = place * config.text.vocabularySize;
      const values = logits.ids.map((id) => found[start + id] ?? Number.NaN);
      largest.seeAll(`${name}, token ${place}`, values, logits.values[row] ?? []);
    }
    const scale = Math.sqrt(found.length);
    largest.seeAll(`${name}, projection`, projections(found), logits.projections, scale);
  }
  return largest.difference;
}

/** Of every token, image tokens and prompts included. */
async function logProbsDifference(
  { recorded, rows }: Fixture,
  { policy, parameters }: Opened,
): Promise<Difference> {
  const largest = new Largest("log-probs");
  const sampling = { temperature: 1, bannedIds: [] };
  const all = rows.map((row) => ({
    ...row,
    chosen: Array.from({ length: row.ids.length - 1 }, (_, at) => at + 1),
  }));
  const { logProbs } = await policy.logProbs(parameters, { rows: all, sampling });
  let start = 0;
  for (const { name, logProbs: expected } of recorded.sequences) {
    largest.seeAll(name, logProbs.subarray(start, start + expected.length), expected);
    start += expected.length;
  }
  return largest.difference;
}

/** How many tokens differ from the first that differs on. */
async function greedyDifference(
  fixture: Fixture,
  { policy, parameters }: Opened,
): Promise<Difference> {
  const { greedy, banned } = fixture.recorded;
  const largest = new Largest("greedy", "tokens", 0);
  const rows = greedy.map((one) => ({
    context: promptOf(fixture, one),
    tokensMax: one.ids.length,
    uniforms: new Float32Array(one.ids.length),
  }));
  const settings = { temperature: 1, bannedIds: banned, greedy: true, stopIds: [] };
  const turns = await policy.generate(parameters, rows, settings);
  for (const [index, { sequence, ids }] of greedy.entries()) {
    const found = turns[index]?.ids ?? [];
    const at = ids.findIndex((id, place) => id !== found[place]);
    largest.see(`${sequence}, token ${at}`, at < 0 ? 0 : ids.length - at, 0);
  }
  return largest.difference;
}

async function gradientDifferences(
  fixture: Fixture,
  name: string,
  { policy, parameters }: Opened,
  runs: readonly RecordedGradients[],
): Promise<readonly Difference[]> {
  const { recorded, rows } = fixture;
  const sampling = { temperature: recorded.batch.temperature, bannedIds: recorded.banned };
  // The log-prob and entropy of each chosen token as it is sampled, and the loss.
  const scores = new Largest(`${name}.scores`);
  const differences: Difference[] = [];
  for (const run of runs) {
    const loss = lossInputs(fixture, run);
    const result = await policy.gradient(parameters, { rows, sampling }, loss);
    scores.seeAll("log-prob", result.logProbs, run.logProbs);
    scores.seeAll("entropy", result.entropies, run.entropies);
    scores.see("loss", result.loss, run.loss);
    const title = `${name}.gradient${run.divergence > 0 ? ".kl" : ""}`;
    // A policy that trains less has fewer gradients, which are the same.
    const names = Object.keys(run.gradients).filter((one) => parameters.has(one));
    differences.push(gradientDifference(title, result.gradients, names, run));
  }
  return [scores.difference, ...differences];
}

/** Relative to the norm of each parameter's gradient. */
function gradientDifference(
  title: string,
  gradients: TensorMap,
  names: readonly string[],
  { gradients: expected }: RecordedGradients,
): Difference {
  const largest = new Largest(title, "of the norm");
  for (const name of new Set([...gradients.keys(), ...names])) {
    const [norm, one, two, ...first] = expected[name] ?? [Number.NaN, 0, 0];
    const found = gradients.get(name) ?? new Float32Array(0);
    largest.see(`${name}, norm`, normOf(found), norm, norm);
    largest.seeAll(`${name}, projection`, projections(found), [one, two], norm);
    largest.seeAll(name, found.subarray(0, first.length), first, norm);
  }
  return largest.difference;
}

function normOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** The numbers of tests/reference/qwen_parity.py, `loss_of`. */
function lossInputs({ recorded, rows }: Fixture, run: RecordedGradients): LossInputs {
  const { clipLow, clipHigh } = recorded.batch;
  const count = run.logProbs.length;
  const perRow = uniforms("gain", rows.length);
  const advantages = rows.flatMap(({ chosen }, row) =>
    Array.from(chosen, () => 1.5 * (perRow[row] ?? 0)),
  );
  const strayed = (name: string, reach: number) => {
    const offsets = uniforms(name, count);
    return Float32Array.from(run.logProbs, (value, at) => value + reach * (offsets[at] ?? 0));
  };
  return {
    normalizer: count,
    policy: {
      weights: spread("weights", count, 1, 0.5),
      advantages: Float32Array.from(advantages),
      oldLogProbs: strayed("old", 0.6),
      clipLow,
      clipHigh,
    },
    ...(run.divergence > 0 && {
      divergence: { coefficient: run.divergence, referenceLogProbs: strayed("reference", 0.8) },
    }),
  };
}
