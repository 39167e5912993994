// One task of the mini benchmark, drawn from a random stream: pixels, question, gold answers, and
// its row in the official format of MAT-Coding or MAT-Search.
import type { RandomStream } from "../../events/index.ts";
import { type Attribute, attributeNames, factOf } from "./facts.ts";
import { drawInk, drawText } from "./glyphs.ts";
import type { GreyImage } from "./image.ts";
import { degrade, problemsOf } from "./kinds.ts";
import { rightRepair } from "./programs.ts";
import { type Field, fieldCoordinates, fields, sheetOf } from "./sheet.ts";
import { drawName, drawTextOf, type Split } from "./split.ts";

/**
 * What the search task asks, or the trouble of a coding task: `none`, `dark`, `rotation90+dark`…
 */
export type MiniKind = string;

/** A task as it is drawn, before anything is encoded. */
export interface MiniTask {
  readonly id: string;
  readonly task: "coding" | "search";
  readonly kind: MiniKind;
  readonly question: string;
  readonly answers: readonly string[];
  /** The letters that the image shows (of the asked field, on a sheet). */
  readonly text: readonly string[];
  readonly image: GreyImage;
  /** What the right repair gives; `null` where there is nothing to repair. */
  readonly reference: GreyImage | null;
  readonly field: Field;
  readonly attribute: Attribute | null;
}

/** The official row of a coding task. */
export interface CodingRow {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly string[];
  readonly ori_image_path: string;
  readonly processed_image_path: string;
  readonly type: readonly string[];
  readonly split: "simple" | "hard";
}

/** The official row of a search task. */
export interface SearchRow {
  readonly id: string;
  readonly question: string;
  readonly answer: string;
  readonly image_path: string;
}

export const readQuestion = "Read the two letters.";

export const cropQuestion = (field: Field): string =>
  `Recognize the text within the ${fieldCoordinates(field)} of the image.`;

export const searchQuestion = (attribute: Attribute): string => `What is its ${attribute}?`;

/** Draws a task of `kind`: `search`, a problem, or a pair of them. */
export function drawTask(random: RandomStream, id: string, kind: MiniKind, split: Split): MiniTask {
  if (kind === "search") return drawSearch(random, id, split);
  return kind === "crop" ? drawSheet(random, id, split) : drawCoding(random, id, kind, split);
}

function drawCoding(random: RandomStream, id: string, kind: MiniKind, split: Split): MiniTask {
  const text = drawTextOf(random, split);
  const problems = problemsOf(kind);
  let image = drawText(random, text, drawInk(random));
  for (const problem of problems) image = degrade(random, image, problem);
  let reference: GreyImage | null = null;
  // The last trouble is undone first.
  for (const problem of problems.toReversed()) {
    reference = rightRepair(problem, 0)?.apply(reference ?? image) ?? null;
  }
  const answers = [text.join(" ")];
  return {
    id,
    task: "coding",
    kind,
    question: readQuestion,
    answers,
    text,
    image,
    reference,
    field: 0,
    attribute: null,
  };
}

function drawSheet(random: RandomStream, id: string, split: Split): MiniTask {
  const texts = fields.map(() => drawTextOf(random, split));
  const ink = drawInk(random);
  const image = sheetOf(texts.map((text) => drawText(random, text, ink)));
  const field = random.pick(fields);
  const text = texts[field] as readonly string[];
  return {
    id,
    task: "coding",
    kind: "crop",
    question: cropQuestion(field),
    answers: [text.join(" ")],
    text,
    image,
    reference: rightRepair("crop", field)?.apply(image) ?? null,
    field,
    attribute: null,
  };
}

function drawSearch(random: RandomStream, id: string, split: Split): MiniTask {
  const text = drawName(random, split);
  const attribute = random.pick(attributeNames);
  return {
    id,
    task: "search",
    kind: "search",
    question: searchQuestion(attribute),
    answers: [factOf(text, attribute)],
    text,
    image: drawText(random, text, drawInk(random)),
    reference: null,
    field: 0,
    attribute,
  };
}

/** The row that MAT-Coding or MAT-Search would hold for this task. */
export function officialRow(task: MiniTask): CodingRow | SearchRow {
  const { id, question, kind } = task;
  if (task.task === "search") {
    return { id, question, answer: task.answers[0] ?? "", image_path: `${id}.png` };
  }
  const type = problemsOf(kind);
  return {
    id,
    question,
    answers: task.answers,
    ori_image_path: `${id}_ori.png`,
    processed_image_path: `${id}_proc.png`,
    type,
    split: type.length > 1 || kind === "crop" ? "hard" : "simple",
  };
}
