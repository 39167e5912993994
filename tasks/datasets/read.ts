// Reads the rows of a dataset file one by one. What is bad is named by file and line, counted, and
// an error unless bad rows are allowed.
import type { z } from "zod";
import { DatasetRowError } from "../errors.ts";
import { type CutRow, cutRows } from "../json-rows.ts";

/** A row that does not fit. */
export interface BadDatasetRow {
  readonly line: number;
  readonly reason: string;
}

/** What a file holds. */
export interface Read<Row> {
  readonly rows: readonly Row[];
  readonly bad: readonly BadDatasetRow[];
}

export interface ReadOptions {
  /** Bad rows are left out and counted; else they are an error. */
  readonly allowBadRows?: boolean;
}

/** A row of a file, before its format is known. */
export interface SourceRow {
  readonly value: Readonly<Record<string, unknown>>;
  readonly line: number;
  /** From 1. */
  readonly item: number;
}

/** Says why a row does not fit its format. */
export class RowFault extends Error {}

const badRowsShownMax = 5;

/** The text of a JSON file, or rows that were cut already. */
export type RowsGiven = string | readonly CutRow[];

/**
 * The rows that are given, each read by `read`, which throws `RowFault` for a bad one.
 * @throws {DatasetRowError} the text is not JSON, or has bad rows that are not allowed
 */
export function readEach<Row>(
  file: string,
  given: RowsGiven,
  read: (source: SourceRow) => Row,
  { allowBadRows = false }: ReadOptions,
): Read<Row> {
  const rows: Row[] = [];
  const bad: BadDatasetRow[] = [];
  const cut = typeof given === "string" ? cutRows(file, given) : given;
  for (const row of cut) {
    try {
      rows.push(read(sourceOf(row)));
    } catch (thrown) {
      if (!(thrown instanceof RowFault)) throw thrown;
      bad.push({ line: row.line, reason: thrown.message });
    }
  }
  const [first, ...more] = bad;
  if (first === undefined || allowBadRows) return { rows, bad };
  const shown = more.slice(0, badRowsShownMax).map((row) => `\n${file}:${row.line}: ${row.reason}`);
  const count = more.length > 0 ? `\n${bad.length} of ${cut.length} rows are bad` : "";
  throw new DatasetRowError({
    file,
    line: first.line,
    reason: `${first.reason}${shown.join("")}${count}`,
  });
}

function sourceOf(row: CutRow): SourceRow {
  if (row.fault !== null) throw new RowFault(row.fault);
  const { value, line, item } = row;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RowFault("no object with keys");
  }
  return { value: value as Readonly<Record<string, unknown>>, line, item };
}

/** The row by its schema. @throws {RowFault} names the key */
export function fit<Schema extends z.ZodType>(
  schema: Schema,
  { value }: SourceRow,
): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RowFault(`key "${issue?.path.join(".")}": ${issue?.message ?? "does not fit"}`);
}
