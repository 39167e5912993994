// Files of predictions: read whole, each fault named by file, item and field.
import { PredictionFileError } from "../errors.ts";
import { type CutRow, cutRows } from "../json-rows.ts";
import { detectFormat, faultIn, type PredictionFormat } from "./format.ts";
import {
  type Benchmark,
  benchmarkOf,
  missingIds,
  type PlacedPrediction,
  placeRows,
} from "./layout.ts";
import { type BadRow, isBadRow, type Prediction, readPrediction } from "./row.ts";

/** What a file of predictions holds. */
export interface PredictionFile {
  readonly file: string;
  readonly format: PredictionFormat;
  readonly benchmark: Benchmark;
  /** At least one. */
  readonly rows: readonly PlacedPrediction[];
  readonly bad: readonly BadRow[];
  /** Ids of the benchmark that are in no row. */
  readonly missing: readonly number[];
}

export interface ReadPredictionsOptions {
  /** null: told by the rows. */
  readonly format: PredictionFormat | null;
  /** Bad rows are left out; else they are an error. */
  readonly allowBadRows: boolean;
}

const badRowsShownMax = 5;

/**
 * Reads the text of `file`.
 * @throws {DatasetRowError} it is not JSON
 * @throws {PredictionFileError} it is empty, holds something else, or has bad rows
 */
export function readPredictions(
  file: string,
  text: string,
  { format, allowBadRows }: ReadPredictionsOptions,
): PredictionFile {
  const cut = cutPredictions(file, text);
  const read = cut.map(readPrediction);
  const sound = read.filter((row): row is Prediction => !isBadRow(row));
  if (sound.length === 0) throw allBad(file, read.filter(isBadRow));
  const settled = format ?? detectFormat(file, sound);
  const judged = withoutTwins(settled, read).map((row): Prediction | BadRow => {
    const fault = isBadRow(row) ? null : faultIn(settled, row, cut.length);
    return fault === null ? row : { item: row.item, line: row.line, ...fault };
  });
  const bad = judged.filter(isBadRow);
  const rows = judged.filter((row): row is Prediction => !isBadRow(row));
  if (rows.length === 0) throw allBad(file, bad);
  if (bad.length > 0 && !allowBadRows) throw someBad(file, bad, cut.length);
  const benchmark = benchmarkOf(settled, rows, cut.length);
  return {
    file,
    format: settled,
    benchmark,
    rows: placeRows(benchmark, rows),
    bad,
    missing: missingIds(benchmark, rows),
  };
}

/** An id of MAT-Coding that comes again is a bad row. */
function withoutTwins(
  format: PredictionFormat,
  rows: readonly (Prediction | BadRow)[],
): readonly (Prediction | BadRow)[] {
  if (format !== "visual-arft-coding") return rows;
  const first = new Map<string, number>();
  return rows.map((row) => {
    if (isBadRow(row) || row.id === null) return row;
    const { item, line, id } = row;
    const other = first.get(id);
    if (other === undefined) {
      first.set(id, item);
      return row;
    }
    return { item, line, field: "id", reason: `${id} is the id of item ${other} too` };
  });
}

function cutPredictions(file: string, text: string): readonly CutRow[] {
  const trimmed = text.replace(/^\ufeff/, "").trim();
  if (trimmed === "") throw new PredictionFileError(`${file} is empty`);
  const whole = wholeObject(trimmed);
  if (whole !== null && !("pred_answer" in whole)) {
    const keys = JSON.stringify(Object.keys(whole).slice(0, badRowsShownMax));
    throw new PredictionFileError(
      `${file} holds one object with the fields ${keys}; predictions are an array of rows ` +
        "or JSON lines",
    );
  }
  if (!/^[[{]/.test(trimmed)) {
    throw new PredictionFileError(
      `${file} is not JSON: it begins with ${JSON.stringify(trimmed.slice(0, 20))}`,
    );
  }
  if (whole !== null) return [{ line: 1, item: 1, value: whole, fault: null }];
  const rows = cutRows(file, text);
  if (rows.length === 0) throw new PredictionFileError(`${file} is an array without rows`);
  return rows;
}

/** The text as one object; null where it is an array, JSON lines or no JSON. */
function wholeObject(text: string): object | null {
  if (!text.startsWith("{")) return null;
  try {
    return JSON.parse(text) as object;
  } catch {
    return null;
  }
}

function tell({ item, line, field, reason }: BadRow): string {
  const what = field === null ? "the row" : `field "${field}"`;
  return `item ${item} (line ${line}): ${what} ${reason}`;
}

function someBad(file: string, bad: readonly BadRow[], rowCount: number): PredictionFileError {
  const shown = bad.slice(0, badRowsShownMax).map((row) => `  ${tell(row)}`);
  const more = bad.length - shown.length;
  const lines = more > 0 ? [...shown, `  and ${more} more`] : shown;
  const count = `${bad.length} of ${rowCount} rows ${bad.length === 1 ? "is" : "are"} bad`;
  return new PredictionFileError(
    `${file}: ${count}; --allow-bad-rows scores the others\n${lines.join("\n")}`,
    { facts: { file, bad } },
  );
}

function allBad(file: string, bad: readonly BadRow[]): PredictionFileError {
  const [first] = bad;
  const told = first === undefined ? "it has none" : tell(first);
  return new PredictionFileError(`${file}: no row is a prediction: ${told}`, {
    facts: { file, bad },
  });
}
