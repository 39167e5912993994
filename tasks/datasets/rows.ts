// Questions with their golds: MAT-Coding, MAT-Search, the text benchmarks, and JSON of one's own.
import { z } from "zod";
import { EmbeddedImage } from "../parquet/index.ts";
import {
  fit,
  type Read,
  type ReadOptions,
  RowFault,
  type RowsGiven,
  readEach,
  type SourceRow,
} from "./read.ts";

/** A file's name, or an image in the dataset's own file. */
export type DatasetImage = string | EmbeddedImage;

/** A question, as a task without the bytes of its images. */
export interface DatasetRow {
  readonly id: string;
  readonly task: "coding" | "search";
  readonly kind: string;
  /** null: the file does not say. */
  readonly split: string | null;
  readonly question: string;
  /** At least one. */
  readonly answers: readonly string[];
  /** null where the question is about no image. */
  readonly image: DatasetImage | null;
  /** The image without its trouble. */
  readonly reference: DatasetImage | null;
  /** Searches of a teacher, where the rows tell. */
  readonly queries?: readonly string[] | undefined;
  /** Where the row is one step of a teacher's trajectory: what is said and wanted there. */
  readonly step?: TeacherStep;
  /** Rows of one family are held out together; left out: the row is its own. */
  readonly family?: string;
  readonly line: number;
}

/** One step of a teacher, as it is asked for. */
export interface TeacherStep {
  /** What stands behind the instructions: the query, and what was said so far. */
  readonly prompt: string;
  /** The action in its tag. */
  readonly solution: string;
  /** The thought and the action. */
  readonly demonstration: string | null;
}

/** The keys that the rows of one's own file have for each of these. */
export interface FieldMapping {
  readonly question: string;
  /** A text or a list of texts. */
  readonly answers: string;
  readonly id?: string | undefined;
  readonly image?: string | undefined;
  readonly reference?: string | undefined;
  readonly kind?: string | undefined;
  readonly split?: string | undefined;
  /** A text or a list of texts. */
  readonly queries?: string | undefined;
}

export interface RowOptions extends ReadOptions {
  /** How one's own rows are read; without it they are told by their keys. */
  readonly fields?: FieldMapping;
  /** What is asked of the agent in such rows. */
  readonly task?: "coding" | "search";
}

/**
 * Reads rows: each in the format that its keys are of, or all by `fields`.
 * @throws {DatasetRowError} file and line
 */
export function parseRows(
  file: string,
  given: RowsGiven,
  options: RowOptions = {},
): Read<DatasetRow> {
  const { fields, task = "search" } = options;
  const read = (source: SourceRow) =>
    fields === undefined ? officialRow(source) : ownRow(source, fields, task);
  return readEach(file, given, read, options);
}

const id = z.union([z.string(), z.int()]);
const golds = z.array(z.string()).min(1);

const codingSchema = z.object({
  id,
  question: z.string(),
  answers: golds,
  ori_image_path: z.string(),
  processed_image_path: z.string(),
  type: golds,
  split: z.string().optional(),
});

const searchSchema = z.object({
  id,
  question: z.string(),
  answer: z.string(),
  image_path: z.string(),
});

/** 2WikiMultihopQA, HotpotQA, MuSiQue and Bamboogle as FlashRAG hands them out. */
const textSchema = z.object({ id, question: z.string(), golden_answers: golds });

function officialRow(source: SourceRow): DatasetRow {
  const { value } = source;
  if ("golden_answers" in value) return textRow(source);
  return "image_path" in value ? searchRow(source) : codingRow(source);
}

function codingRow(source: SourceRow): DatasetRow {
  const row = fit(codingSchema, source);
  const isCrop = row.type[0] === "crop";
  return {
    id: String(row.id),
    task: "coding",
    kind: row.type.join("+"),
    split: row.split ?? null,
    question: row.question,
    answers: row.answers,
    // MAT-Coding asks for a field of the original where the trouble is a crop.
    image: isCrop ? row.ori_image_path : row.processed_image_path,
    reference: isCrop || row.type[0] === "none" ? null : row.ori_image_path,
    line: source.line,
  };
}

const asked = { task: "search", kind: "search", split: null, reference: null } as const;

function searchRow(source: SourceRow): DatasetRow {
  const { id: name, question, answer, image_path: image } = fit(searchSchema, source);
  return { id: String(name), ...asked, question, answers: [answer], image, line: source.line };
}

function textRow(source: SourceRow): DatasetRow {
  const { id: name, question, golden_answers: answers } = fit(textSchema, source);
  return { id: String(name), ...asked, question, answers, image: null, line: source.line };
}

function ownRow(source: SourceRow, fields: FieldMapping, task: DatasetRow["task"]): DatasetRow {
  const { item, line } = source;
  const answers = readKey(source, fields.answers, z.union([z.string(), golds]));
  const text = (key: string | undefined) =>
    key === undefined ? null : readKey(source, key, z.string().nullish());
  const name = fields.id === undefined ? item : readKey(source, fields.id, id);
  return {
    id: String(name),
    task,
    kind: text(fields.kind) ?? task,
    split: text(fields.split) ?? null,
    question: readKey(source, fields.question, z.string()),
    answers: [answers].flat(),
    image: imageOf(source, fields.image),
    reference: imageOf(source, fields.reference),
    queries: queriesOf(source, fields.queries),
    line,
  };
}

function imageOf(source: SourceRow, key: string | undefined): DatasetImage | null {
  if (key === undefined) return null;
  const value = source.value[key];
  return value instanceof EmbeddedImage
    ? value
    : (readKey(source, key, z.string().nullish()) ?? null);
}

function queriesOf(source: SourceRow, key: string | undefined): readonly string[] | undefined {
  if (key === undefined) return undefined;
  const given = readKey(source, key, z.union([z.string(), z.array(z.string())]).nullish());
  return given == null ? undefined : [given].flat();
}

function readKey<Schema extends z.ZodType>(
  { value }: SourceRow,
  key: string,
  schema: Schema,
): z.infer<Schema> {
  const parsed = schema.safeParse(value[key]);
  if (parsed.success) return parsed.data;
  const reason = key in value ? parsed.error.issues[0]?.message : "is missing";
  throw new RowFault(`key "${key}": ${reason}`);
}
