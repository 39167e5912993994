// The items of a prediction file, each scored by the reference's rules and by the corrected ones.
import {
  answerIn,
  exactMatch,
  f1,
  type MetricRules,
  metricRules,
  type PlacedPrediction,
  type PredictionFile,
} from "../../tasks/index.ts";

/** The two ways to score, in the order in which they are told. */
export const modes = ["corrected", "reference"] as const;

export type Mode = (typeof modes)[number];

/** Of one item, 0–1. */
export interface Metrics {
  readonly f1: number;
  readonly em: 0 | 1;
}

/** A prediction with its scores. */
export interface ScoredItem extends Readonly<Record<Mode, Metrics>> {
  readonly row: PlacedPrediction;
  /** Why it has no answer; null where it has one. */
  readonly cause: string | null;
}

/** The reference's rules for the benchmark of `file`. */
export function referenceRules({ format }: PredictionFile): MetricRules {
  return format === "visual-arft-coding"
    ? metricRules.referenceCoding
    : metricRules.referenceSearch;
}

/** Scores every row. */
export function scoreItems(file: PredictionFile): readonly ScoredItem[] {
  const rules = referenceRules(file);
  return file.rows.map((row) => {
    const { answer, cause } = answerIn(row);
    return {
      row,
      cause,
      reference: scored(row.answer, row.golds, rules),
      corrected: scored(answer, row.golds, metricRules.corrected),
    };
  });
}

/** Both metrics of one answer. */
export function scored(
  answer: string | null,
  golds: readonly string[],
  rules: MetricRules,
): Metrics {
  return { f1: f1(answer, golds, rules), em: exactMatch(answer, golds, rules) };
}
