// JSON files of a checkpoint folder, read with a size limit and checked by a zod schema.
import { readFile, stat } from "node:fs/promises";
import { type ZodType, z } from "zod";
import { ensureError } from "../../events/index.ts";
import { CheckpointError } from "./errors.ts";

/** Largest JSON file we read from a checkpoint folder. Large vocabularies take about 11 MB. */
const jsonBytesMax = 64 * 1024 * 1024;

/**
 * Reads `file` as text.
 *
 * @throws CheckpointError when it is missing, unreadable or above 64 MiB.
 */
export async function readTextFile(file: string): Promise<string> {
  const { size } = await stat(file).catch((error: unknown) => {
    throw missing(file, error);
  });
  if (size > jsonBytesMax) {
    throw new CheckpointError(
      "checkpoint.file_too_large",
      `${file} has ${size} bytes, above the limit of ${jsonBytesMax}`,
      { facts: { file, bytes: size, limit: jsonBytesMax } },
    );
  }
  return await readFile(file, "utf8").catch((error: unknown) => {
    throw missing(file, error);
  });
}

/**
 * Reads `file` as JSON and checks it.
 *
 * @throws CheckpointError naming the file, and the key where the content is wrong.
 */
export async function readJsonFile<T>(file: string, schema: ZodType<T>): Promise<T> {
  return parseJson(await readTextFile(file), file, schema);
}

/** Parses and checks JSON `text`; `place` names it in errors. */
export function parseJson<T>(text: string, place: string, schema: ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notJson(place, error);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const key = (issue?.path ?? []).map(String).join(".") || "(top level)";
  throw new CheckpointError(
    "checkpoint.key",
    `${place}: key ${key}: ${issue?.message ?? z.prettifyError(result.error)}`,
    { facts: { file: place, key } },
  );
}

/** JSON as we write it: two spaces and a final newline. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function notJson(place: string, error: unknown): CheckpointError {
  return new CheckpointError(
    "checkpoint.json",
    `${place} is not JSON: ${ensureError(error).message}`,
    { cause: error, facts: { file: place } },
  );
}

function missing(file: string, error: unknown): CheckpointError {
  return new CheckpointError(
    "checkpoint.file_missing",
    `cannot read ${file}: ${ensureError(error).message}; a checkpoint folder is laid out as on ` +
      `the Hugging Face hub`,
    { cause: error, facts: { file } },
  );
}
