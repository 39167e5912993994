// Intervals of 95 %.
import { assert, RandomStream } from "../../events/index.ts";

/** Lower and upper bound. */
export type Interval = readonly [low: number, high: number];

/** The 97.5 % quantile of the standard normal distribution. */
const normalQuantile = 1.959963984540054;
/** Resamples of a bootstrap. */
export const resamples = 1_000;

/**
 * The interval of a share of `n` by E. B. Wilson, "Probable Inference, the Law of Succession, and
 * Statistical Inference" (1927): good for small counts and for shares near 0 and 1.
 * @returns shares, 0–1
 */
export function wilsonInterval(successes: number, n: number): Interval {
  assert(n > 0 && successes >= 0 && successes <= n, "a share is of at least one trial");
  const share = successes / n;
  const z2 = normalQuantile ** 2;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const spread =
    (normalQuantile / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  // The formula gives 0 and 1 there too, but for rounding.
  return [successes === 0 ? 0 : centre - spread, successes === n ? 1 : centre + spread];
}

/**
 * The percentile bootstrap of the mean (Efron, "Bootstrap Methods", 1979). Equal values and seed
 * give equal bounds.
 */
export function bootstrapInterval(values: readonly number[], seed: string): Interval {
  const [interval] = bootstrapIntervals([values], seed);
  assert(interval !== undefined, "a column has an interval");
  return interval;
}

/** The same for several values of the same items: each resample draws its items once for all. */
export function bootstrapIntervals(
  columns: readonly (readonly number[])[],
  seed: string,
): readonly Interval[] {
  const n = columns[0]?.length ?? 0;
  assert(n > 0 && columns.every(({ length }) => length === n), "a mean is of at least one value");
  const random = new RandomStream("bootstrap", seed);
  const means = columns.map(() => new Float64Array(resamples));
  const drawn = new Uint32Array(n);
  for (let index = 0; index < resamples; index++) {
    for (let draw = 0; draw < n; draw++) drawn[draw] = random.integer(n);
    for (const [place, column] of columns.entries()) {
      let sum = 0;
      for (const item of drawn) sum += column[item] as number;
      (means[place] as Float64Array)[index] = sum / n;
    }
  }
  return means.map((sorted) => {
    sorted.sort();
    return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
  });
}

function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? 0;
  const above = sorted[Math.ceil(place)] ?? 0;
  return below + (above - below) * (place - Math.floor(place));
}
