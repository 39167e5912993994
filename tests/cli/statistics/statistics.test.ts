// Goal: intervals and tests of pairs give what they would by hand.
// Method: exact p-values that Python computed with fractions and by trying all signs
// (tests/reference/metrics.py), and one test checked against the other.
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bootstrapInterval, bootstrapIntervals } from "../../../cli/statistics/intervals.ts";
import { mcnemarExact, signFlipTest } from "../../../cli/statistics/paired-tests.ts";
import { RandomStream } from "../../../events/index.ts";

const test = suite("cli/statistics");
const seed = 20251122;

interface Fixture {
  readonly discordant: readonly (readonly [first: number, second: number, p: number])[];
  readonly flips: readonly (readonly [differences: readonly number[], p: number])[];
}

async function fixture(): Promise<Fixture> {
  const file = new URL("../../fixtures/metrics.json", import.meta.url);
  return JSON.parse(await readFile(file, "utf8"));
}

const near = (value: number, wanted: number, what: string) =>
  assert.ok(Math.abs(value - wanted) <= 1e-9 * wanted + 1e-15, `${what}: ${value}, not ${wanted}`);

test("McNemar's exact test is a toss of coins", async () => {
  for (const [first, second, p] of (await fixture()).discordant) {
    near(mcnemarExact(first, second).p, p, `${first} against ${second}`);
    near(mcnemarExact(second, first).p, p, `${second} against ${first}`);
  }
  assert.is(mcnemarExact(30_000, 30_000).p, 1);
});

test("few differences have all their signs tried", async () => {
  for (const [differences, p] of (await fixture()).flips) {
    const told = signFlipTest([0, ...differences, 0], "any");
    assert.is(told.test, "sign-flip-exact");
    near(told.p, p, String(differences));
  }
  assert.equal(signFlipTest([0, 0], "any"), { test: "sign-flip-exact", p: 1 });
});

test("on right or wrong alone, both tests are one", () => {
  fc.assert(
    fc.property(fc.nat(8), fc.nat(8), (first, second) => {
      const differences = [...Array(first).fill(-100), ...Array(second).fill(100)];
      near(signFlipTest(differences, "any").p, mcnemarExact(first, second).p, `${first} ${second}`);
    }),
    { seed, numRuns: 80 },
  );
});

test("many differences are sampled: near the exact value, the same for the same seed, never 0", () => {
  const differences = [...Array(40).fill(-1), ...Array(71).fill(1)];
  const { p } = mcnemarExact(40, 71);
  const told = signFlipTest(differences, "a");
  assert.is(told.test, "sign-flip");
  // Four standard errors of a share of 10,000.
  assert.ok(Math.abs(told.p - p) < 4 * Math.sqrt(p / 10_000), `${told.p}, exactly ${p}`);
  assert.equal(signFlipTest(differences, "a"), told);
  assert.is(signFlipTest(Array(100).fill(1), "a").p, 1 / 10_001);
});

test("columns of the same items are resampled together", () => {
  const values = [0, 1, 1, 0, 1, 0.5, 0.25, 1];
  const [low, high] = bootstrapInterval(values, "a");
  assert.ok(low < 0.59375 && 0.59375 < high);
  const twice = values.map((value) => 2 * value);
  assert.equal(bootstrapIntervals([values, twice], "a"), [
    [low, high],
    [2 * low, 2 * high],
  ]);
  assert.equal(bootstrapInterval([3, 3, 3], "a"), [3, 3]);
});

test("nine of ten intervals and more hold the mean that was drawn from", () => {
  // 60 values of mean 0.3; the percentile bootstrap covers a little less than its 95 %.
  const random = new RandomStream("coverage", seed);
  const covered = Array.from({ length: 200 }).filter((_, index) => {
    const values = Array.from({ length: 60 }, () => (random.uniform() < 0.3 ? 1 : 0));
    const [low, high] = bootstrapInterval(values, String(index));
    return low <= 0.3 && 0.3 <= high;
  });
  assert.ok(covered.length >= 180, `${covered.length} of 200`);
});

test.run();
