// One prediction as the evaluation scripts of Visual-ARFT write it, with the fields that they leave
// out in one place or another, and a few of one's own.
import { z } from "zod";
import type { CutRow } from "../json-rows.ts";

/** An item of a benchmark with what a model answered. */
export interface Prediction {
  /** From 1: its place in the file. */
  readonly item: number;
  readonly line: number;
  readonly id: string | null;
  readonly query: string | null;
  /** At least one. */
  readonly golds: readonly string[];
  /** The gold is one text and no list, as in MAT-Search. */
  readonly isSingleGold: boolean;
  /** null: the file says that there was none. */
  readonly answer: string | null;
  /** The file's own words for these, where it has any. */
  readonly kind: string | null;
  readonly split: string | null;
  readonly cause: string | null;
}

/** A row that cannot be scored. */
export interface BadRow {
  readonly item: number;
  readonly line: number;
  /** null: the row as a whole. */
  readonly field: string | null;
  readonly reason: string;
}

const text = z.string({ error: "is no text" });
const texts = z.array(text).min(1, { error: "is an empty list" });

const row = z.object({
  pred_answer: z.string({ error: "is neither a text nor null" }).nullable(),
  gt: z.union([text, texts], { error: "is neither a text nor a list of texts" }),
  id: z.union([text, z.int()], { error: "is neither a text nor a whole number" }).optional(),
  query: text.optional(),
  type: z.union([text, texts], { error: "is no kind" }).optional(),
  split: text.optional(),
  cause: text.nullish(),
});

/** Reads one row. */
export function readPrediction(cut: CutRow): Prediction | BadRow {
  const { item, line } = cut;
  if (cut.fault !== null) return { item, line, field: null, reason: cut.fault };
  const { value } = cut;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { item, line, field: null, reason: "is no object with fields" };
  }
  const parsed = row.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const [key = ""] = issue?.path ?? [];
    const field = issue?.path.join(".") ?? "";
    const reason = Object.hasOwn(value, key) ? (issue?.message ?? "does not fit") : "is missing";
    return { item, line, field, reason };
  }
  const { pred_answer: answer, gt, id, query, type, split, cause } = parsed.data;
  return {
    item,
    line,
    id: id === undefined ? null : String(id),
    query: query ?? null,
    golds: typeof gt === "string" ? [gt] : gt,
    isSingleGold: typeof gt === "string",
    answer,
    kind: type === undefined ? null : [type].flat().join("+"),
    split: split ?? null,
    cause: cause ?? null,
  };
}

/** The row is none of the predictions. */
export const isBadRow = (read: Prediction | BadRow): read is BadRow => "reason" in read;
