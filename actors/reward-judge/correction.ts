// What tools were worth: an answer that they rescued or broke, against one without them. Pure.
import type { Task } from "../../events/index.ts";
import { exactMatch, type PlacedPrediction } from "../../tasks/index.ts";
import type { Outcome } from "./decide.ts";

/** Exact match without tools, 0–1; null where nobody knows. */
export type Baseline = (task: Task) => number | null;

/**
 * Exact match less that of the baseline, −1 to 1: rescued +1, broken −1. 0 where no tool was
 * called, or where there is nothing to compare with.
 */
export function correctionOf(
  { em, calls }: Pick<Outcome, "em" | "calls">,
  baseline: number | null,
): number {
  return calls === 0 || baseline === null ? 0 : em - baseline;
}

/** The exact match of those in a group that called no tool; null where all called one. */
export function baselineOfGroup(group: readonly Pick<Outcome, "em" | "calls">[]): number | null {
  const without = group.filter(({ calls }) => calls === 0);
  if (without.length === 0) return null;
  return without.reduce((sum, { em }) => sum + em, 0) / without.length;
}

/** Baselines out of predictions without tools: by the question and, where both tell, the id. */
export function baselineOfPredictions(rows: readonly PlacedPrediction[]): Baseline {
  const byId = new Map<string, PlacedPrediction>();
  const byQuestion = new Map<string, PlacedPrediction>();
  for (const row of rows) {
    if (row.id !== null) byId.set(row.id, row);
    if (row.query !== null) byQuestion.set(row.query, row);
  }
  return (task) => {
    // Sources of a mixture put their names before an id.
    const id = task.id.slice(task.id.indexOf("/") + 1);
    const row = byQuestion.get(task.question) ?? byId.get(id);
    return row === undefined ? null : exactMatch(row.answer, task.answers);
  };
}
