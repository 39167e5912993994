// Dataset files as a source of tasks: rows from a file, their images from a folder. A row or an
// image that does not fit names its file and line.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Bytes } from "../events/index.ts";
import { type DatasetRow, parseRows } from "./datasets/index.ts";
import { DatasetFileError, DatasetRowError, TaskSourceError } from "./errors.ts";
import { type PreparedTask, preparedTask } from "./prepared-task.ts";
import type { TaskSource } from "./source.ts";

/** Reads the rows of `file`. Throws `DatasetFileError` or `DatasetRowError` (file and line). */
export async function readRows(file: string): Promise<readonly DatasetRow[]> {
  const text = await readFile(file, "utf8").catch((cause) => {
    throw new DatasetFileError(`cannot read the dataset ${file}: ${cause.message}`, { cause });
  });
  return parseRows(file, text).rows;
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
  if (row.image === null) {
    const reason = "asks about no image, and such tasks are not played yet";
    throw new DatasetRowError({ file, line: row.line, reason });
  }
  const image = await read(row.image);
  const reference = row.reference === null ? null : await read(row.reference);
  return preparedTask(row, image, reference);
}
