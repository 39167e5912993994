// The layouts of prediction files: which one a file has, and what each demands of a row.
import { PredictionFileError } from "../errors.ts";
import type { BadRow, Prediction } from "./row.ts";

/** Names of the layouts. */
export const predictionFormats = ["visual-arft-coding", "visual-arft-search"] as const;

/**
 * `visual-arft-coding`: MAT-Coding, rows of `id`, `gt`, `pred_answer`. `visual-arft-search`:
 * MAT-Search and the text benchmarks, rows of `query`, `gt`, `pred_answer` and at times an `id`.
 */
export type PredictionFormat = (typeof predictionFormats)[number];

/** Items of MAT-Coding: `id` runs from 1 to this number. */
export const codingItems = 200;

/**
 * The layout that the rows have.
 * @throws {PredictionFileError} they have none, or could have either
 */
export function detectFormat(file: string, rows: readonly Prediction[]): PredictionFormat {
  const all = (has: (row: Prediction) => boolean) => rows.every(has);
  const asked = all(({ query }) => query !== null);
  const numbered = all(({ id }) => /^\d+$/.test(id ?? ""));
  const isCoding = numbered && all(({ query }) => query === null);
  if (isCoding || all(({ kind }) => kind !== null)) return "visual-arft-coding";
  if (asked && all(({ isSingleGold }) => isSingleGold)) return "visual-arft-search";
  const isCodingSize = rows.length === codingItems;
  if (asked && all(({ isSingleGold }) => !isSingleGold) && !isCodingSize) {
    return "visual-arft-search";
  }
  const why =
    asked && isCodingSize
      ? `${codingItems} rows of query, gt and pred_answer are MAT-Coding answered directly, ` +
        "or part of a text benchmark"
      : "its rows do not agree on one layout";
  const names = predictionFormats.map((name) => `--format ${name}`).join(" or ");
  throw new PredictionFileError(`${file}: cannot tell its format: ${why}; say ${names}`);
}

/** What the layout demands and the row lacks. */
export function faultIn(
  format: PredictionFormat,
  row: Prediction,
  rowCount: number,
): Pick<BadRow, "field" | "reason"> | null {
  if (format === "visual-arft-search") {
    return row.query === null ? { field: "query", reason: "is missing" } : null;
  }
  // The scripts for direct answers write no id, but all items in their order.
  if (row.id === null && rowCount !== codingItems) return { field: "id", reason: "is missing" };
  return row.id === null || /^\d+$/.test(row.id)
    ? null
    : { field: "id", reason: "is no whole number" };
}
