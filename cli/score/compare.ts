// Two prediction files of the same items: how far apart they are, and whether by more than chance.
import { type BadRow, type PredictionFile, PredictionFileError } from "../../tasks/index.ts";
import {
  bootstrapIntervals,
  type Interval,
  mcnemarExact,
  type PairedTest,
  signFlipTest,
} from "../statistics/index.ts";
import type { Mode, ScoredItem } from "./items.ts";
import { mean, type ScoreReport } from "./report.ts";

/** One metric of both files on the items that both have, in percent. */
export interface Difference extends PairedTest {
  readonly first: number;
  readonly second: number;
  /** Second minus first. */
  readonly difference: number;
  readonly interval: Interval;
}

/** Both metrics over some items. */
export interface ComparedGroup {
  readonly label: string;
  readonly n: number;
  readonly f1: Difference;
  readonly em: Difference;
  /** Items that one of the two alone got exactly right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
}

/** The same item in both files. */
export interface ItemPair {
  readonly first: ScoredItem;
  readonly second: ScoredItem;
}

/** Two files, paired. */
export interface Comparison {
  readonly mode: Mode;
  readonly second: ScoreReport;
  /** All, then the splits. */
  readonly groups: readonly ComparedGroup[];
  /** Items with another score. */
  readonly differing: readonly ItemPair[];
  /** Keys of items that are in one file alone. */
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
  readonly bad: readonly BadRow[];
}

/**
 * Pairs the items of two files by id (MAT-Coding) or by question, and compares them.
 * @throws {PredictionFileError} they have no item in common, or another gold for one
 */
export function compareReports(first: ScoreReport, second: ScoreReport, mode: Mode): Comparison {
  const pairs = pairItems(first, second);
  const group = (label: string, members: readonly ItemPair[]) =>
    compareGroup(label, members, mode, `${first.seed}/compare/${label}`);
  const splits = [...new Set(pairs.map(({ first: { row } }) => row.split))];
  const keys = (report: ScoreReport) => report.items.map(({ row }) => row.key);
  const without = (some: readonly string[], other: readonly string[]) => {
    const known = new Set(other);
    return some.filter((key) => !known.has(key));
  };
  return {
    mode,
    second,
    groups: [
      group("all", pairs),
      ...splits
        .filter((split) => split !== null)
        .map((split) =>
          group(
            split,
            pairs.filter(({ first: { row } }) => row.split === split),
          ),
        ),
    ],
    differing: pairs.filter(({ first: a, second: b }) => {
      return a[mode].f1 !== b[mode].f1 || a[mode].em !== b[mode].em;
    }),
    onlyInFirst: without(keys(first), keys(second)),
    onlyInSecond: without(keys(second), keys(first)),
    bad: second.source.bad,
  };
}

function pairItems(first: ScoreReport, second: ScoreReport): readonly ItemPair[] {
  const others = new Map(second.items.map((item) => [item.row.key, item]));
  const pairs = first.items.flatMap((item): readonly ItemPair[] => {
    const other = others.get(item.row.key);
    return other === undefined ? [] : [{ first: item, second: other }];
  });
  const files = `${first.source.file} and ${second.source.file}`;
  if (pairs.length === 0) {
    const by = (source: PredictionFile) =>
      source.benchmark === "mat-coding" ? "ids" : "questions";
    const what = [...new Set([by(first.source), by(second.source)])].join(" against ");
    throw new PredictionFileError(`${files} have no item in common (${what})`);
  }
  for (const { first: a, second: b } of pairs) {
    if (JSON.stringify(a.row.golds) === JSON.stringify(b.row.golds)) continue;
    throw new PredictionFileError(
      `${files} are not of the same benchmark: item ${a.row.item} of the first and item ` +
        `${b.row.item} of the second are the same by name, but differ in field "gt"`,
    );
  }
  return pairs;
}

function compareGroup(
  label: string,
  pairs: readonly ItemPair[],
  mode: Mode,
  seed: string,
): ComparedGroup {
  const onlyFirst = pairs.filter(({ first, second }) => first[mode].em > second[mode].em).length;
  const onlySecond = pairs.filter(({ first, second }) => second[mode].em > first[mode].em).length;
  const of = (key: "f1" | "em") =>
    pairs.map(({ first, second }) => [100 * first[mode][key], 100 * second[mode][key]] as const);
  const [f1s, ems] = [of("f1"), of("em")];
  const gaps = [f1s, ems].map((column) => column.map(([a, b]) => b - a));
  const [f1Gaps = [], emGaps = []] = gaps;
  const [f1Interval = [0, 0], emInterval = [0, 0]] = bootstrapIntervals(gaps, seed);
  const figures = (column: typeof f1s, gap: readonly number[], interval: Interval) => ({
    first: mean(column.map(([a]) => a)),
    second: mean(column.map(([, b]) => b)),
    difference: mean(gap),
    interval,
  });
  return {
    label,
    n: pairs.length,
    f1: { ...figures(f1s, f1Gaps, f1Interval), ...signFlipTest(f1Gaps, seed) },
    em: { ...figures(ems, emGaps, emInterval), ...mcnemarExact(onlyFirst, onlySecond) },
    onlyFirst,
    onlySecond,
  };
}
