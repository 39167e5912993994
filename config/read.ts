// From a TOML file and overrides to a checked configuration, or to an error that names every fault
// by key, file and line.
import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { ensureError } from "../events/index.ts";
import { camelCase, isTable, mapKeys, snakeCase } from "./case.ts";
import { runSchema } from "./contradictions/index.ts";
import { ConfigError } from "./errors.ts";
import { type EvalConfig, evalSchema } from "./eval-schema.ts";
import { type Explained, explain, unknownKey } from "./explain.ts";
import { keyLines, lineOf } from "./key-lines.ts";
import { applyOverride, type Override, readOverride } from "./override.ts";
import { recordedBefore } from "./recorded-before.ts";
import type { RunConfig } from "./run-schema.ts";
import { type WarmupConfig, warmupSchema } from "./warmup-schema.ts";

/** A file's text and the overrides that go over it. */
export interface ConfigSource {
  /** The name that errors give it. */
  readonly file: string;
  readonly text: string;
  /** Each `key=value`, in order. */
  readonly overrides?: readonly string[];
}

/** Reads a run's configuration. @throws {ConfigError} */
export async function loadRunConfig(
  file: string,
  overrides: readonly string[] = [],
): Promise<RunConfig> {
  return parseRunConfig({ file, text: await textOf(file), overrides });
}

/** What `varft eval` may be given: an evaluation, or a run whose evaluations alone are made. */
export type Evaluated =
  | { readonly kind: "evaluation"; readonly config: EvalConfig }
  | { readonly kind: "run"; readonly config: RunConfig };

/** Reads either; an evaluation is told by its `[[sets]]` or `[policy]`. @throws {ConfigError} */
export async function loadEvaluated(
  file: string,
  overrides: readonly string[] = [],
): Promise<Evaluated> {
  const source = { file, text: await textOf(file), overrides };
  const table = parseToml(file, source.text);
  return "sets" in table || "policy" in table
    ? { kind: "evaluation", config: parseEvalConfig(source) }
    : { kind: "run", config: parseRunConfig(source) };
}

/** Reads a warm start's configuration. @throws {ConfigError} */
export async function loadWarmupConfig(
  file: string,
  overrides: readonly string[] = [],
): Promise<WarmupConfig> {
  return parseWarmupConfig({ file, text: await textOf(file), overrides });
}

/** The same from text. @throws {ConfigError} */
export function parseRunConfig(source: ConfigSource): RunConfig {
  return parseConfig(runSchema, source);
}

/** An evaluation's configuration from text. @throws {ConfigError} */
export function parseEvalConfig(source: ConfigSource): EvalConfig {
  return parseConfig(evalSchema, source);
}

/** The same from text. @throws {ConfigError} */
export function parseWarmupConfig(source: ConfigSource): WarmupConfig {
  return parseConfig(warmupSchema, source);
}

/** A configuration as it was recorded (`run.started`), with overrides. @throws {ConfigError} */
export function restoreRunConfig(
  recorded: Readonly<Record<string, unknown>>,
  overrides: readonly string[] = [],
): RunConfig {
  const table = mapKeys(recordedBefore(recorded), snakeCase) as Record<string, unknown>;
  return check(runSchema, table, overrides.map(readOverride), () => "recorded configuration");
}

/** A `[reward]` that is given by itself. */
export interface GivenReward {
  /** As it is written, in snake_case. */
  readonly reward: unknown;
  /** Where a key of it stands. */
  readonly placeOf: (key: string) => string;
}

/** The `[reward]` of a TOML file. @throws {ConfigError} */
export async function loadReward(file: string): Promise<GivenReward> {
  const text = await textOf(file);
  const { reward } = parseToml(file, text);
  if (reward === undefined) {
    throw new ConfigError([{ key: "reward", place: file, reason: "has no [reward]" }]);
  }
  const lines = keyLines(text);
  return { reward, placeOf: (key) => `${file}:${lineOf(lines, key) ?? 1}` };
}

/**
 * A recorded configuration with another reward: `given`, or its own, and overrides of either. What
 * else the run was is left as it was.
 * @throws {ConfigError}
 */
export function restoreRewarded(
  recorded: Readonly<Record<string, unknown>>,
  given: GivenReward | null,
  overrides: readonly string[],
): RunConfig {
  const own = mapKeys(recordedBefore(recorded), snakeCase) as Record<string, unknown>;
  const table = {
    ...own,
    // What a reward must not be in a strict run may be asked of one that is over.
    determinism: "tolerance",
    ...(given === null ? {} : { reward: given.reward }),
  };
  const placeOf = (key: string) =>
    given !== null && /^reward\b/.test(key) ? given.placeOf(key) : "recorded configuration";
  const { reward, learner } = check(runSchema, table, overrides.map(readOverride), placeOf);
  const before = restoreRunConfig(recorded);
  return { ...before, reward, learner: { ...before.learner, advantage: learner.advantage } };
}

function parseConfig<T extends z.ZodType>(
  schema: T,
  { file, text, overrides = [] }: ConfigSource,
): z.infer<T> {
  const table = parseToml(file, text);
  const lines = keyLines(text);
  const placeOf = (key: string) => `${file}:${lineOf(lines, key) ?? 1}`;
  return check(schema, table, overrides.map(readOverride), placeOf);
}

function check<T extends z.ZodType>(
  schema: T,
  table: Readonly<Record<string, unknown>>,
  overrides: readonly Override[],
  placeInFile: (key: string) => string,
): z.infer<T> {
  const written = overrides.reduce(applyOverride, table);
  const placeOf = (key: string) => {
    const over = overrides.findLast((one) => key === one.key || key.startsWith(`${one.key}.`));
    return over === undefined ? placeInFile(key) : `--set ${over.source}`;
  };
  const refuse = (faults: readonly Explained[]) =>
    new ConfigError(faults.map((fault) => ({ ...fault, place: placeOf(fault.key) })));
  const misspelt = otherCase(schema, written, []);
  if (misspelt.length > 0) throw refuse(misspelt);
  const value = mapKeys(written, camelCase);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw refuse(explain(schema, value, parsed.error.issues));
  return parsed.data;
}

/** Keys that would only be known after a change of case. */
function otherCase(
  schema: z.ZodType,
  value: unknown,
  path: readonly PropertyKey[],
): readonly Explained[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => otherCase(schema, item, [...path, index]));
  }
  if (!isTable(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    snakeCase(camelCase(key)) === key
      ? otherCase(schema, inner, [...path, camelCase(key)])
      : [unknownKey(schema, path, key)],
  );
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const reason = `cannot be read: ${ensureError(cause).message}`;
    throw new ConfigError([{ key: "", place: file, reason }], { cause });
  }
}

function parseToml(file: string, text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [reason = "", ...block] = cause.message.split("\n");
    const shown = block.join("\n").trimEnd();
    throw new ConfigError(
      [{ key: "", place: `${file}:${cause.line}`, reason: `${reason}\n${shown}` }],
      { cause },
    );
  }
}
