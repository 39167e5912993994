// Rows of a Parquet file as those of a JSON file: numbers, texts and lists as JSON has them, images
// as their place in the file or, where a path stands in it, as that path.

import { DatasetFileError } from "../errors.ts";
import type { CutRow } from "../json-rows.ts";
import { ParquetFile } from "./file.ts";

/** The rows of a file. @param wanted the columns that are read; null: all */
export async function parquetRows(
  path: string,
  wanted: readonly string[] | null,
): Promise<readonly CutRow[]> {
  const file = await ParquetFile.open(path);
  const columns = wanted ?? file.columns;
  const missing = columns.find((column) => !file.columns.includes(column));
  if (missing !== undefined) {
    throw new DatasetFileError(
      `${path} has no column "${missing}"; it has ${file.columns.join(", ")}`,
    );
  }
  const cut: CutRow[] = [];
  for await (const { first, rows } of file.groups(columns)) {
    for (const [index, row] of rows.entries()) {
      const place = { file, row: first + index };
      const cells = columns.map((column) => [column, plain(row[column], { ...place, column })]);
      const item = place.row + 1;
      cut.push({ line: item, item, value: Object.fromEntries(cells), fault: null });
    }
  }
  return cut;
}

interface Place {
  readonly file: ParquetFile;
  readonly column: string;
  /** From 0. */
  readonly row: number;
}

/** An image that stands in the file itself. */
export class EmbeddedImage {
  /** For people: where it stands. */
  readonly name: string;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    this.name = `${place.file.path}, row ${place.row + 1}, column "${place.column}"`;
  }

  async read(): Promise<Uint8Array> {
    const { file, column, row } = this.#place;
    const bytes = bytesIn(await file.cell(column, row));
    if (bytes === null) throw new DatasetFileError(`${this.name} has no bytes any more`);
    return bytes.slice();
  }
}

/** The bytes of a cell: of a binary column, or of a struct of bytes and path. */
function bytesIn(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  return isImageStruct(value) && value.bytes instanceof Uint8Array ? value.bytes : null;
}

/** How Hugging Face's datasets keep an image. */
function isImageStruct(
  value: unknown,
): value is { readonly bytes: unknown; readonly path?: unknown } {
  if (typeof value !== "object" || value === null || !("bytes" in value)) return false;
  return Object.keys(value).every((key) => key === "bytes" || key === "path");
}

/** A cell as JSON would have it. */
function plain(value: unknown, place: Place): unknown {
  if (bytesIn(value) !== null) return new EmbeddedImage(place);
  if (isImageStruct(value)) return value.path ?? null;
  return plainValue(value);
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<unknown>, plainValue);
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}
