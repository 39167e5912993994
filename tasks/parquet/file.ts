// A Parquet file, a row group at a time: its rows as plain values, and single cells of it later.
//
// 1. Of a file no more than the wanted columns of one row group is held at a time.
// 2. Images in it stay where they are until they are asked for: a row holds their place.
import { type FileHandle, open } from "node:fs/promises";
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { ensureError } from "../../events/index.ts";
import { DatasetFileError } from "../errors.ts";

/** What Parquet files begin and end with. */
const mark = "PAR1";
/** What the wanted columns of one row group may take uncompressed. */
export const groupBytesMax = 2 ** 30;
export const rowsMax = 10_000_000;

/** Rows of one row group, and the number of the first of them, from 0. */
export interface RowGroup {
  readonly first: number;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** Whether a file begins as Parquet files do. @throws what opening and reading it throws */
export async function isParquet(file: string): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mark.length), 0, mark.length, 0);
    return buffer.subarray(0, bytesRead).toString("latin1") === mark;
  } finally {
    await handle.close();
  }
}

export class ParquetFile {
  readonly path: string;
  /** Names of the top-level columns, in their order. */
  readonly columns: readonly string[];
  readonly #metadata: FileMetaData;
  /** One read at a time, so that what is held stays bounded. */
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(path: string, metadata: FileMetaData, columns: readonly string[]) {
    this.path = path;
    this.#metadata = metadata;
    this.columns = columns;
  }

  /** @throws {DatasetFileError} it is not Parquet, or larger than what is read */
  static async open(path: string): Promise<ParquetFile> {
    const { metadata, columns } = await withBuffer(path, async (file) => {
      const found = await parquetMetadataAsync(file, { geoparquet: false });
      return { metadata: found, columns: columnsOf(found) };
    });
    if (metadata.num_rows <= rowsMax) return new ParquetFile(path, metadata, columns);
    throw new DatasetFileError(
      `${path} has ${metadata.num_rows} rows, at most ${rowsMax} are read`,
    );
  }

  /** The rows of each row group, of the columns that are wanted. */
  async *groups(columns: readonly string[]): AsyncGenerator<RowGroup> {
    let first = 0;
    for (const { num_rows: count } of this.#metadata.row_groups) {
      const end = first + Number(count);
      yield { first, rows: await this.#read(columns, first, end, false) };
      first = end;
    }
  }

  /** One cell. @param row from 0 */
  async cell(column: string, row: number): Promise<unknown> {
    // Where the file has an index of its pages, no more of it is read than the row's.
    const [found] = await this.#read([column], row, row + 1, true);
    return found?.[column];
  }

  #read(
    columns: readonly string[],
    first: number,
    end: number,
    useOffsetIndex: boolean,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    this.#requireSmall(columns, first);
    const reading = this.#reading.then(() =>
      withBuffer(this.path, (file) =>
        parquetReadObjects({
          ...{ file, metadata: this.#metadata, columns: [...columns], compressors },
          ...{ rowStart: first, rowEnd: end, useOffsetIndex },
          // What is text says so in the schema.
          ...{ utf8: false, geoparquet: false },
        }),
      ),
    );
    this.#reading = reading.catch(() => {});
    return reading;
  }

  /** @throws {DatasetFileError} of the row group that `row` is in */
  #requireSmall(columns: readonly string[], row: number): void {
    let end = 0;
    for (const { num_rows: count, columns: chunks } of this.#metadata.row_groups) {
      end += Number(count);
      if (row >= end) continue;
      const wanted = chunks.flatMap(({ meta_data: found }) =>
        found !== undefined && columns.includes(found.path_in_schema[0] ?? "") ? [found] : [],
      );
      const bytes = wanted.reduce((sum, one) => sum + Number(one.total_uncompressed_size), 0);
      if (bytes <= groupBytesMax) return;
      throw new DatasetFileError(
        `${this.path} has a row group of ${bytes} bytes, at most ${groupBytesMax} are read: write ` +
          "it with smaller ones, in Python by pyarrow.parquet.write_table(…, row_group_size=100)",
      );
    }
  }
}

/**
 * The top-level columns. Every row group must hold the columns of the schema, in order: a part of
 * one that nobody assembles would fail where nobody waits for it.
 */
function columnsOf(metadata: FileMetaData): readonly string[] {
  const { children } = parquetSchema(metadata);
  const leaves = children.flatMap(leavesOf).join();
  for (const [index, { columns }] of metadata.row_groups.entries()) {
    const paths = columns.map(({ meta_data: found }) => found?.path_in_schema.join("."));
    if (paths.join() === leaves) continue;
    throw new Error(`row group ${index} holds other columns than the file's schema`);
  }
  return children.map(({ element }) => element.name);
}

const leavesOf = ({ path, children }: SchemaTree): readonly string[] =>
  children.length === 0 ? [path.join(".")] : children.flatMap(leavesOf);

/** Hands a file to `use` for as long as that takes. @throws {DatasetFileError} */
async function withBuffer<T>(path: string, use: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, "r");
    const { size } = await handle.stat();
    return await use(bufferOf(handle, size));
  } catch (cause) {
    const reason = ensureError(cause).message;
    throw new DatasetFileError(`${path} cannot be read as Parquet: ${reason}`, { cause });
  } finally {
    await handle?.close();
  }
}

function bufferOf(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice(start, end = byteLength) {
      const reading = readBytes(handle, start, Math.min(end, byteLength));
      // Not all that is asked for is waited for once one of them has failed.
      reading.catch(() => {});
      return reading;
    },
  };
}

async function readBytes(handle: FileHandle, start: number, end: number): Promise<ArrayBuffer> {
  const length = end - start;
  if (!(start >= 0 && length >= 0)) throw new Error(`bytes ${start} to ${end} are not there`);
  const bytes = new Uint8Array(length);
  const { bytesRead } = await handle.read(bytes, 0, length, start);
  if (bytesRead < length) throw new Error(`it ends ${length - bytesRead} bytes too early`);
  return bytes.buffer;
}
