// Which split and kind an item of a benchmark belongs to, where its row does not say so itself.
import { normalize } from "../metrics/index.ts";
import { codingItems, type PredictionFormat } from "./format.ts";
import type { Prediction } from "./row.ts";

/** The benchmark that a file's items are of. */
export type Benchmark = "mat-coding" | "mat-search" | "text";

/** A prediction at its place in the benchmark. */
export interface PlacedPrediction extends Prediction {
  /** The name by which two files are compared. */
  readonly key: string;
}

/** The last id of each kind of MAT-Coding, as its images are numbered. */
const codingKinds = [
  [10, "rotation90"],
  [20, "rotation180"],
  [30, "dark"],
  [40, "overexposure"],
  [50, "blur"],
  [60, "noise"],
  [70, "none"],
  [110, "pairs"],
  [codingItems, "crop"],
] as const;

const codingSimpleMax = 70;
const searchItems = 150;
const searchSimpleMax = 75;

/** `rowCount` counts the bad rows too. */
export function benchmarkOf(
  format: PredictionFormat,
  rows: readonly Prediction[],
  rowCount: number,
): Benchmark {
  if (format === "visual-arft-coding") return "mat-coding";
  const isMat = rowCount === searchItems && rows.every(({ isSingleGold }) => isSingleGold);
  return isMat ? "mat-search" : "text";
}

/** The rows with split, kind and key. What a row says of itself comes first. */
export function placeRows(
  benchmark: Benchmark,
  rows: readonly Prediction[],
): readonly PlacedPrediction[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const name = benchmark === "mat-coding" ? (row.id ?? String(row.item)) : (row.query ?? "");
    // MAT-Search asks some questions of several images.
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    const key = times === 1 ? name : `${name} (${times})`;
    const { kind, split } = placeOf(benchmark, row);
    return { ...row, key, kind: row.kind ?? kind, split: row.split ?? split };
  });
}

function placeOf(benchmark: Benchmark, row: Prediction) {
  switch (benchmark) {
    case "mat-coding": {
      const number = Number(row.id ?? row.item);
      const kind = codingKinds.find(([last]) => number >= 1 && number <= last)?.[1] ?? null;
      if (kind === null) return { kind, split: null };
      return { kind, split: number <= codingSimpleMax ? "simple" : "hard" };
    }
    case "mat-search":
      return { kind: answerKind(row), split: row.item <= searchSimpleMax ? "simple" : "hard" };
    case "text":
      return { kind: answerKind(row), split: null };
  }
}

/** Half of the questions that ask for yes or no are answered right by chance. */
function answerKind({ golds }: Prediction): string {
  return golds.every((gold) => ["yes", "no"].includes(normalize(gold))) ? "yes-no" : "open";
}

/** The ids of MAT-Coding that are in no row; none where the file is of other items. */
export function missingIds(benchmark: Benchmark, rows: readonly Prediction[]): readonly number[] {
  if (benchmark !== "mat-coding") return [];
  const present = new Set(rows.map(({ id, item }) => Number(id ?? item)));
  const all = Array.from({ length: codingItems }, (_, index) => index + 1);
  if ([...present].some((id) => id < 1 || id > codingItems)) return [];
  return all.filter((id) => !present.has(id));
}
