// Rows of a JSON file: one array, or JSON lines. Each row knows its line and its place, so that
// what is wrong with it can be named.
import { DatasetRowError } from "./errors.ts";

/** A row, or what kept it from being read. */
export type CutRow = {
  /** From 1, where the row begins. */
  readonly line: number;
  /** From 1, among the rows. */
  readonly item: number;
} & ({ readonly value: unknown; readonly fault: null } | { readonly fault: string });

/**
 * Cuts a text into its rows. A line that is not JSON is a row with a fault.
 * @throws {DatasetRowError} the text is one JSON document and broken, or no array
 */
export function cutRows(file: string, text: string): readonly CutRow[] {
  const bare = text.replace(/^\ufeff/, "");
  return bare.trimStart().startsWith("[") ? cutArray(file, bare) : cutLines(bare);
}

function cutLines(text: string): readonly CutRow[] {
  const lines = text.split("\n").map((source, index) => ({ source, line: index + 1 }));
  const filled = lines.filter(({ source }) => source.trim() !== "");
  return filled.map(({ source, line }, index) => {
    const place = { line, item: index + 1 };
    try {
      return { ...place, value: JSON.parse(source) as unknown, fault: null };
    } catch (cause) {
      return { ...place, fault: `not JSON: ${reasonOf(cause)}` };
    }
  });
}

/** Rows of an array, each with the line on which its opening brace stands. */
function cutArray(file: string, text: string): readonly CutRow[] {
  const values = parseArray(file, text);
  const lines = braceLines(text);
  return values.map((value, index) => {
    return { line: lines[index] ?? 1, item: index + 1, value, fault: null };
  });
}

function parseArray(file: string, text: string): readonly unknown[] {
  try {
    // What begins with a bracket is an array or no JSON.
    return JSON.parse(text) as readonly unknown[];
  } catch (cause) {
    const reason = reasonOf(cause);
    const otherwise = /end of JSON/.test(reason) ? text.length : 0;
    const position = Number(/position (\d+)/.exec(reason)?.[1] ?? otherwise);
    const line = text.slice(0, position).split("\n").length;
    throw new DatasetRowError({ file, line, reason: `not JSON: ${reason}` }, { cause });
  }
}

function braceLines(text: string): number[] {
  const lines: number[] = [];
  let depth = 0;
  let line = 1;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}\n]/gs)) {
    if (token === "\n") line += 1;
    else if (token === "{" && depth++ === 0) lines.push(line);
    else if (token === "}") depth -= 1;
  }
  return lines;
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "");
