// Do two systems differ on the same items? Tests of pairs, two-sided.
import { assert, RandomStream } from "../../events/index.ts";

/** What a test found. */
export interface PairedTest {
  readonly test: "mcnemar-exact" | "sign-flip-exact" | "sign-flip";
  /** Two-sided, 0–1: how often chance alone gives a difference at least as large. */
  readonly p: number;
}

/** Up to this number of differing items all signs are tried. */
const exactItemsMax = 16;
/** Random assignments of signs beyond that. */
const flips = 10_000;

/**
 * McNemar's test in its exact form: of the items that one system alone got right, how many each got
 * is a toss of coins (McNemar, "Note on the sampling error of the difference between correlated
 * proportions", 1947; exact by the binomial distribution). p = min(1, 2 · P[X ≤ min(a, b)]).
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): PairedTest {
  const n = onlyFirst + onlySecond;
  const least = Math.min(onlyFirst, onlySecond);
  assert(Number.isInteger(n) && least >= 0, "counts of items are whole");
  // log of C(n, k) / 2^n, from k − 1 to k: the terms themselves would leave the doubles' range.
  let logTerm = -n * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= least; k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(n - k) - Math.log(k + 1);
  }
  return { test: "mcnemar-exact", p: Math.min(1, 2 * tail) };
}

/**
 * The sign-flip permutation test of a mean difference: were the systems equal, each item's
 * difference could as well have the other sign (Fisher, "The Design of Experiments", 1935, section
 * 21). Exact for few differing items; else p = (1 + hits) / (1 + draws), which is never 0 (Phipson
 * and Smyth, "Permutation P-values Should Never Be Zero", 2010).
 */
export function signFlipTest(differences: readonly number[], seed: string): PairedTest {
  const moved = differences.filter((difference) => difference !== 0);
  const observed = Math.abs(moved.reduce((sum, difference) => sum + difference, 0));
  // Sums of equal numbers in another order may differ in their last bits.
  const atLeast = observed - 1e-9 * Math.max(1, observed);
  return moved.length <= exactItemsMax
    ? { test: "sign-flip-exact", p: exactShare(moved, atLeast) }
    : { test: "sign-flip", p: sampledShare(moved, atLeast, seed) };
}

function exactShare(moved: readonly number[], atLeast: number): number {
  const count = 2 ** moved.length;
  let hits = 0;
  for (let signs = 0; signs < count; signs++) {
    let sum = 0;
    for (const [place, value] of moved.entries()) sum += (signs >> place) & 1 ? -value : value;
    if (Math.abs(sum) >= atLeast) hits += 1;
  }
  return hits / count;
}

function sampledShare(moved: readonly number[], atLeast: number, seed: string): number {
  const random = new RandomStream("sign-flip", seed);
  let hits = 0;
  for (let draw = 0; draw < flips; draw++) {
    let sum = 0;
    let signs = 0;
    for (const [place, value] of moved.entries()) {
      signs = place % 32 === 0 ? random.uint32() : signs >>> 1;
      sum += signs & 1 ? -value : value;
    }
    if (Math.abs(sum) >= atLeast) hits += 1;
  }
  return (1 + hits) / (1 + flips);
}
