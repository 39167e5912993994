// Dataset files in the official formats: MAT-Coding and MAT-Search rows, as one JSON array or as
// JSON lines. A row that does not fit names its file and line.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { sha256Bytes } from "../events/index.ts";
import { DatasetFileError, DatasetRowError, TaskSourceError } from "./errors.ts";
import { cutRows } from "./json-rows.ts";
import { type PreparedTask, preparedTask } from "./prepared-task.ts";
import type { TaskSource } from "./source.ts";

const codingRow = z.object({
  id: z.union([z.string(), z.int()]),
  question: z.string(),
  answers: z.array(z.string()).min(1),
  ori_image_path: z.string(),
  processed_image_path: z.string(),
  type: z.array(z.string()).min(1),
});

const searchRow = z.object({
  id: z.union([z.string(), z.int()]),
  question: z.string(),
  answer: z.string(),
  image_path: z.string(),
});

/** One row of either format, as a task without its bytes. */
export interface DatasetRow {
  readonly id: string;
  readonly task: "coding" | "search";
  readonly kind: string;
  readonly question: string;
  readonly answers: readonly string[];
  readonly image: string;
  readonly reference: string | null;
  readonly line: number;
}

/** Reads the rows of `file`. Throws `DatasetFileError` or `DatasetRowError` (file and line). */
export async function readRows(file: string): Promise<readonly DatasetRow[]> {
  const text = await readFile(file, "utf8").catch((cause) => {
    throw new DatasetFileError(`cannot read the dataset ${file}: ${cause.message}`, { cause });
  });
  return cutRows(file, text).map((row) => {
    if (row.fault !== null) throw new DatasetRowError({ file, line: row.line, reason: row.fault });
    return toRow(file, row.line, row.value);
  });
}

function toRow(file: string, line: number, value: unknown): DatasetRow {
  const isSearch = typeof value === "object" && value !== null && "image_path" in value;
  const parsed = (isSearch ? searchRow : codingRow).safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join(".") ?? "";
    const reason = `key "${key}": ${issue?.message ?? "does not fit"}`;
    throw new DatasetRowError({ file, line, reason });
  }
  const row = parsed.data;
  const id = String(row.id);
  if ("image_path" in row) {
    const { question, answer, image_path: image } = row;
    const answers = [answer];
    return { id, task: "search", kind: "search", question, answers, image, reference: null, line };
  }
  const isCrop = row.type[0] === "crop";
  return {
    id,
    task: "coding",
    kind: row.type.join("+"),
    question: row.question,
    answers: row.answers,
    // MAT-Coding asks for a field of the original where the trouble is a crop.
    image: isCrop ? row.ori_image_path : row.processed_image_path,
    reference: isCrop || row.type[0] === "none" ? null : row.ori_image_path,
    line,
  };
}

const heldoutShare = 0.2;

/** The one evaluation set of a file of rows. */
const heldoutSet = "heldout";

/** Looks at an image; what it throws says why the image is none. */
export type CheckImage = (bytes: Uint8Array, path: string) => Promise<unknown>;

/**
 * Rows of a file with their images in a folder. A fifth of them, by the hash of the id, is the
 * evaluation set `heldout`; training takes the others in the order of the file, again and again.
 * An image that is missing or that `check` refuses is named with its row when its task is drawn.
 */
export function rowSource(
  file: string,
  rows: readonly DatasetRow[],
  images: string,
  check: CheckImage,
): TaskSource {
  const isHeldout = ({ id }: DatasetRow) =>
    (sha256Bytes("varft row split", id)[0] as number) / 256 < heldoutShare;
  const parts = { train: rows.filter((row) => !isHeldout(row)), heldout: rows.filter(isHeldout) };
  const prepare = (row: DatasetRow) => prepareRow(file, row, images, check);
  return {
    async training(first, count) {
      if (parts.train.length === 0) throw new TaskSourceError(`${file} has no training rows`);
      const indices = Array.from({ length: count }, (_, at) => (first + at) % parts.train.length);
      return Promise.all(indices.map((index) => prepare(parts.train[index] as DatasetRow)));
    },
    async evaluation(set, count) {
      const { length } = parts.heldout;
      if (set !== heldoutSet) {
        throw new TaskSourceError(`${file} has no set "${set}"; its held-out rows are "heldout"`);
      }
      if (count > length) {
        throw new TaskSourceError(`${file} has ${length} held-out rows, ${count} were asked for`);
      }
      return Promise.all(parts.heldout.slice(0, count).map(prepare));
    },
  };
}

async function prepareRow(
  file: string,
  row: DatasetRow,
  images: string,
  check: CheckImage,
): Promise<PreparedTask> {
  const read = async (name: string) => {
    const path = join(images, name);
    try {
      const bytes = new Uint8Array(await readFile(path));
      await check(bytes, path);
      return bytes;
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      const reason = `image ${path}: ${said}`;
      throw new DatasetRowError({ file, line: row.line, reason }, { cause });
    }
  };
  const image = await read(row.image);
  const reference = row.reference === null ? null : await read(row.reference);
  return preparedTask(row, image, reference);
}
