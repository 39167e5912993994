// `--set key=value`: one value of a configuration put in the place of the file's.
import { parse, TomlError } from "smol-toml";
import { isTable } from "./case.ts";
import { ConfigError } from "./errors.ts";

/** One `--set`. */
export interface Override {
  /** Dotted, in snake_case; entries of lists by their number from 0. */
  readonly key: string;
  readonly value: unknown;
  /** As it was given. */
  readonly source: string;
}

const keyPattern = /^[\w-]+(\.[\w-]+)*$/;

/**
 * Reads `key=value`. The value is TOML; what is not TOML is text, so that paths need no quotes.
 * @throws {ConfigError}
 */
export function readOverride(source: string): Override {
  const split = source.indexOf("=");
  const key = source.slice(0, Math.max(0, split)).trim();
  const text = source.slice(split + 1).trim();
  if (split < 0 || !keyPattern.test(key) || text === "") {
    const reason = `"${source}" is not KEY=VALUE, such as learner.learning_rate=1e-4`;
    throw new ConfigError([{ key, place: "--set", reason }]);
  }
  return { key, value: tomlOrText(text), source };
}

function tomlOrText(text: string): unknown {
  try {
    return parse(`value = ${text}`)["value"];
  } catch (thrown) {
    if (thrown instanceof TomlError) return text;
    throw thrown;
  }
}

/** `table` with `override` put in; tables on the way are made. */
export function applyOverride(
  table: Readonly<Record<string, unknown>>,
  { key, value, source }: Override,
): Record<string, unknown> {
  return put(table, key.split("."), value, { key, source }) as Record<string, unknown>;
}

function put(
  holder: unknown,
  path: readonly string[],
  value: unknown,
  given: { readonly key: string; readonly source: string },
): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (holder === undefined || isTable(holder)) {
    return { ...holder, [first]: put(holder?.[first], rest, value, given) };
  }
  if (Array.isArray(holder) && /^\d+$/.test(first) && Number(first) < holder.length) {
    return holder.with(Number(first), put(holder[Number(first)], rest, value, given));
  }
  const reason = `"${given.key}" cannot be set: "${first}" is in no table or list`;
  throw new ConfigError([{ key: given.key, place: `--set ${given.source}`, reason }]);
}
