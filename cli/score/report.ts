// The score of a prediction file: over all, by split and by kind, both ways, with intervals.
import { metricRules, type PredictionFile } from "../../tasks/index.ts";
import { bootstrapIntervals, type Interval } from "../statistics/index.ts";
import { type Mode, modes, referenceRules, type ScoredItem, scored, scoreItems } from "./items.ts";

/** Means in percent, with their intervals of 95 %. */
export interface Figures {
  readonly f1: number;
  readonly em: number;
  readonly f1Interval: Interval;
  readonly emInterval: Interval;
}

/** The score of some items. */
export interface GroupScore extends Readonly<Record<Mode, Figures>> {
  readonly label: string;
  readonly level: "all" | "split" | "kind";
  readonly n: number;
  /** Items without an answer. */
  readonly unanswered: number;
}

/** By how many points the reference's figures move when one of its rules is corrected alone. */
export interface Correction {
  readonly rule: string;
  readonly f1: number;
  readonly em: number;
}

/** All that is known of one file. */
export interface ScoreReport {
  readonly source: PredictionFile;
  readonly seed: number;
  readonly items: readonly ScoredItem[];
  /** All, the splits, the kinds. */
  readonly groups: readonly GroupScore[];
  /** Items without an answer, by cause, the most frequent first. */
  readonly causes: readonly (readonly [cause: string, count: number])[];
  readonly corrections: readonly Correction[];
  /** Keys of items whose answer is that of the item before, word by word. */
  readonly repeats: readonly string[];
}

/** Scores a file. Equal files and seeds give equal reports. */
export function scoreReport(source: PredictionFile, seed: number): ScoreReport {
  const items = scoreItems(source);
  const group = (label: string, level: GroupScore["level"], of: readonly ScoredItem[]) =>
    groupScore(label, level, of, `${seed}/${level}/${label}`);
  const by = (level: "split" | "kind") =>
    distinct(items.map(({ row }) => row[level])).map((label) => {
      const members = items.filter(({ row }) => row[level] === label);
      return group(label, level, members);
    });
  // Rows of one's own may name their pairs; those of MAT-Coding's predictions are `pairs` already.
  const paired = items.filter(({ row }) => row.kind === "pairs" || row.kind?.includes("+"));
  const isNamed = paired.some(({ row }) => row.kind !== "pairs");
  return {
    source,
    seed,
    items,
    groups: [
      group("all", "all", items),
      ...by("split"),
      ...by("kind").filter(({ label }) => !(isNamed && label === "pairs")),
      ...(isNamed ? [group("pairs", "kind", paired)] : []),
    ],
    causes: causesOf(items),
    corrections: correctionsOf(source, items),
    repeats: repeatsOf(source, items),
  };
}

/** The score of at least one item. */
function groupScore(
  label: string,
  level: GroupScore["level"],
  items: readonly ScoredItem[],
  seed: string,
): GroupScore {
  const columns = modes.flatMap((mode) => [
    items.map((item) => 100 * item[mode].f1),
    items.map((item) => 100 * item[mode].em),
  ]);
  const intervals = bootstrapIntervals(columns, seed);
  const figures = modes.map((mode, at): readonly [Mode, Figures] => {
    const [f1 = [], em = []] = columns.slice(2 * at);
    const [f1Interval = [0, 0], emInterval = [0, 0]] = intervals.slice(2 * at);
    return [mode, { f1: mean(f1), em: mean(em), f1Interval, emInterval }];
  });
  return {
    label,
    level,
    n: items.length,
    unanswered: items.filter(({ cause }) => cause !== null).length,
    ...(Object.fromEntries(figures) as Record<Mode, Figures>),
  };
}

function causesOf(items: readonly ScoredItem[]): ScoreReport["causes"] {
  const causes = items.flatMap(({ cause }) => (cause === null ? [] : [cause]));
  const counts = distinct(causes).map(
    (cause) => [cause, causes.filter((one) => one === cause).length] as const,
  );
  return counts.sort(([, a], [, b]) => b - a);
}

function correctionsOf(
  source: PredictionFile,
  items: readonly ScoredItem[],
): readonly Correction[] {
  const rules = referenceRules(source);
  const names = Object.keys(rules) as (keyof typeof rules)[];
  const before = (key: "f1" | "em") => mean(items.map(({ reference }) => 100 * reference[key]));
  return names
    .filter((rule) => rules[rule] !== metricRules.corrected[rule])
    .map((rule) => {
      const changed = { ...rules, [rule]: metricRules.corrected[rule] };
      const after = items.map(({ row }) => scored(row.answer, row.golds, changed));
      const moved = (key: "f1" | "em") => mean(after.map((one) => 100 * one[key])) - before(key);
      return { rule, f1: moved("f1"), em: moved("em") };
    });
}

/** Shorter ones, such as the letter of a choice, come twice in a row by chance. */
const repeatCharactersMin = 4;

/**
 * The reference's harness gives an item the answer of the item before where it finds none of its
 * own. Only MAT-Coding tells: many items of MAT-Search are rightly answered alike.
 */
function repeatsOf({ format }: PredictionFile, items: readonly ScoredItem[]): readonly string[] {
  if (format !== "visual-arft-coding") return [];
  return items.flatMap(({ row, corrected }, index) => {
    const before = items[index - 1]?.row;
    const isSame = before !== undefined && before.answer === row.answer && corrected.em === 0;
    return isSame && (row.answer ?? "").length >= repeatCharactersMin ? [row.key] : [];
  });
}

/** Of numbers. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function distinct(values: readonly (string | null)[]): readonly string[] {
  return [...new Set(values)].filter((value) => value !== null);
}
