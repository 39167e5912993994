// Zod's issues in the words of the file: the key as it is written, and what to do.
import type { z } from "zod";
import { isTable, snakeCase } from "./case.ts";
import { dottedKeys, isVariant, shapesAt } from "./known-keys.ts";
import { nearest } from "./nearest.ts";

type Schema = z.core.$ZodType;
type Issue = z.core.$ZodIssue;

/** A fault without its place. */
export interface Explained {
  readonly key: string;
  readonly reason: string;
}

/** Unknown keys first: a mistyped key explains the missing one that follows. */
export function explain(
  schema: Schema,
  value: unknown,
  issues: readonly Issue[],
): readonly Explained[] {
  const unknown = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? explainUnknown(schema, value, issue) : [],
  );
  const rest = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? [] : [explainOne(value, issue)],
  );
  return [...unknown, ...rest];
}

/** A key that is written in another way than in snake_case, or that nobody knows. */
export function unknownKey(schema: Schema, path: readonly PropertyKey[], key: string): Explained {
  const table = dotted(path);
  const full = table === "" ? key : `${table}.${key}`;
  const here = new Set(shapesAt(schema, path).flatMap(Object.keys).map(snakeCase));
  const near = nearest(snakeCase(key), here);
  if (near !== null) {
    const meant = table === "" ? near : `${table}.${near}`;
    return { key: full, reason: `unknown key "${full}"; did you mean "${meant}"?` };
  }
  const all = dottedKeys(schema);
  const elsewhere =
    all.find((known) => known.endsWith(`.${key}`)) ?? (table === "" ? null : nearest(full, all));
  const mend =
    elsewhere === null
      ? `known here: ${[...here].join(", ")}`
      : `the nearest known key is "${elsewhere}"`;
  return { key: full, reason: `unknown key "${full}"; ${mend}` };
}

function explainUnknown(
  schema: Schema,
  value: unknown,
  { path, keys }: z.core.$ZodIssueUnrecognizedKeys,
): Explained[] {
  const table = at(value, path);
  const type = isTable(table) ? table["type"] : undefined;
  return keys.map((key) => {
    const owners = shapesAt(schema, path).filter((shape) => key in shape);
    const used = owners.some((shape) => isVariant(shape, type));
    if (owners.length === 0 || used) return unknownKey(schema, path, snakeCase(key));
    const name = dotted([...path, key]);
    return { key: name, reason: `"${name}" has no effect with type = ${show(type)}: leave it out` };
  });
}

function explainOne(value: unknown, issue: Issue): Explained {
  const path = asWritten(value, issue.path);
  const key = dotted(path);
  const given = at(value, path);
  if (given === undefined && issue.code !== "custom") {
    return { key, reason: `"${key}" is missing: ${wanted(issue)}` };
  }
  if (issue.code === "custom") return { key, reason: `"${key}" ${issue.message}` };
  return { key, reason: `"${key}" must be ${wanted(issue)}, not ${show(given)}` };
}

/** A weight may stand in the place of its table. */
function asWritten(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  const table = path.slice(0, -1);
  return path.at(-1) === "weight" && typeof at(value, table) === "number" ? table : path;
}

function wanted(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeWords[issue.expected] ?? issue.expected;
    case "too_small":
      return `${sized(issue.origin)} of ${bound("at least", "more than", issue)} ${issue.minimum}`;
    case "too_big":
      return `${sized(issue.origin)} of ${bound("at most", "less than", issue)} ${issue.maximum}`;
    case "invalid_value":
      return `one of ${issue.values.map(show).join(", ")}`;
    case "invalid_union": {
      const options = "options" in issue ? (issue.options as readonly unknown[]) : [];
      return `one of ${options.map(show).join(", ")}`;
    }
    case "invalid_format":
      return issue.message.startsWith("Invalid") ? `text like ${issue.pattern}` : issue.message;
    default:
      return issue.message;
  }
}

const typeWords: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a table",
};

function sized(origin: string): string {
  if (origin === "array") return "a list";
  return origin === "string" ? "text" : "a number";
}

function bound(open: string, strict: string, { inclusive }: { inclusive?: boolean }): string {
  return inclusive === false ? strict : open;
}

function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (Array.isArray(value)) return "a list";
  return isTable(value) ? "a table" : String(value);
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const part of path) {
    if (found === null || typeof found !== "object") return undefined;
    found = (found as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return found;
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map((part) => snakeCase(String(part))).join(".");
}
