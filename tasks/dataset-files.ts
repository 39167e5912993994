// Dataset files as they are downloaded: their rows, and where the images of each are. What does not
// fit is named by file and line before a run begins.
import { access, readFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { ensureError } from "../events/index.ts";
import {
  type BadDatasetRow,
  type DatasetImage,
  type DatasetRow,
  type FieldMapping,
  parseRows,
  parseSteps,
  type Read,
  type RowsGiven,
  stepTasks,
  tasksOfSteps,
} from "./datasets/index.ts";
import { DatasetFileError, DatasetRowError } from "./errors.ts";
import { isParquet, parquetRows } from "./parquet/index.ts";

/** Which file, and how it is read. */
export type DatasetFile = {
  readonly file: string;
  /** The images' folder; left out: the official one beside the file, else the file's own. */
  readonly images?: string | undefined;
  /** Bad rows are left out and counted; else they are an error. */
  readonly badRowsAllowed: boolean;
} & (
  | { readonly type: "rows" }
  | { readonly type: "visual-arft-training"; readonly play: "episodes" | "steps" }
  | {
      readonly type: "mapped";
      readonly task: "coding" | "search";
      readonly fields: FieldMapping;
    }
);

/** Reads the rows of a file. Their images are paths, and there. Throws `DatasetFileError` or
 * `DatasetRowError` (file and line). */
export async function readDataset(dataset: DatasetFile): Promise<Read<DatasetRow>> {
  const { file, badRowsAllowed } = dataset;
  const parsed = parse(dataset, await given(dataset));
  const folder = dataset.images ?? (await folderBeside(file));
  const placed = await Promise.all(parsed.rows.map((row) => place(row, folder)));
  const rows = placed.filter((one): one is DatasetRow => !("reason" in one));
  const missing = placed.filter((one): one is BadDatasetRow => "reason" in one);
  const bad = [...parsed.bad, ...missing].sort((a, b) => a.line - b.line);
  if (bad.length > 0 && !badRowsAllowed) throw badRows(file, bad, rows.length + bad.length);
  if (rows.length === 0) throw new DatasetFileError(`${file} has no row to play`);
  return { rows, bad };
}

/** The text of the file or, where it is Parquet, its rows. @throws {DatasetFileError} */
async function given(dataset: DatasetFile): Promise<RowsGiven> {
  const { file } = dataset;
  try {
    if (!(await isParquet(file))) return await readFile(file, "utf8");
  } catch (cause) {
    const reason = ensureError(cause).message;
    throw new DatasetFileError(`cannot read the dataset ${file}: ${reason}`, { cause });
  }
  const named = dataset.type === "mapped" ? new Set(Object.values(dataset.fields)) : null;
  return parquetRows(file, named && [...named].filter((column) => column !== undefined));
}

function parse(dataset: DatasetFile, text: RowsGiven): Read<DatasetRow> {
  const { file, type } = dataset;
  // All that is bad is told at once, with the images that are missing.
  const allowBadRows = true;
  if (type === "rows") return parseRows(file, text, { allowBadRows });
  if (type === "mapped") {
    const { fields, task } = dataset;
    return parseRows(file, text, { allowBadRows, fields, task });
  }
  const steps = parseSteps(file, text, { allowBadRows });
  const tasks = dataset.play === "steps" ? stepTasks(steps.rows) : tasksOfSteps(steps.rows);
  return { rows: tasks.rows, bad: [...steps.bad, ...tasks.bad] };
}

/** How the official files name the folder of their images, and others theirs. */
const folderEndings = ["_images", "-image", "-images"] as const;

async function folderBeside(file: string): Promise<string> {
  const stem = join(dirname(file), basename(file, extname(file)));
  for (const ending of folderEndings) {
    if (await isThere(stem + ending)) return stem + ending;
  }
  return dirname(file);
}

/** The row with paths for its images' names, or what is missing. */
async function place(row: DatasetRow, folder: string): Promise<DatasetRow | BadDatasetRow> {
  const places: Record<"image" | "reference", DatasetImage | null> = {
    image: null,
    reference: null,
  };
  for (const key of ["image", "reference"] as const) {
    const name = row[key];
    if (typeof name !== "string") {
      places[key] = name;
      continue;
    }
    const path = await find(folder, name);
    if (path === null) {
      return { line: row.line, reason: `image ${join(folder, name)}: there is no such file` };
    }
    places[key] = path;
  }
  return { ...row, ...places };
}

/** A name may hold the folders in which its makers had it. */
async function find(folder: string, name: string): Promise<string | null> {
  for (const path of [join(folder, name), join(folder, basename(name))]) {
    if (await isThere(path)) return path;
  }
  return null;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const badRowsShownMax = 5;

function badRows(file: string, bad: readonly BadDatasetRow[], count: number): DatasetRowError {
  const [first, ...others] = bad;
  const shown = others.slice(0, badRowsShownMax).map(({ line, reason }) => {
    return `\n${file}:${line}: ${reason}`;
  });
  const mend = "bad_rows_allowed = true leaves such rows out";
  return new DatasetRowError({
    file,
    line: first?.line ?? 1,
    reason: `${first?.reason}${shown.join("")}\n${bad.length} of ${count} rows are bad; ${mend}`,
  });
}
