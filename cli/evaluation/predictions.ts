// An evaluation's answers as files of predictions, in the layouts of Visual-ARFT's own scripts:
// `varft score` reads them, and so do the reference's notebooks.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type PredictionFormat, readPredictions } from "../../tasks/index.ts";
import { type ScoreReport, scoreReport } from "../score/index.ts";
import type { PlayedItem, PlayedSet } from "./items.ts";

/** Which layout a set's items have. */
export function formatOf({ benchmark, items }: PlayedSet): PredictionFormat {
  const isNumbered = items.every(({ task }) => /^\d+$/.test(idOf(task.id)));
  return benchmark === "mat-coding" && isNumbered ? "visual-arft-coding" : "visual-arft-search";
}

/** The file's text: an array of rows, in the order of the set. */
export function predictionsText(set: PlayedSet): string {
  return `${JSON.stringify(rowsOf(set), null, 2)}\n`;
}

/** Scores a set, as `varft score` scores its file; null where nothing was played. */
export function scoreSet(set: PlayedSet, seed: number): ScoreReport | null {
  if (set.items.length === 0) return null;
  const format = formatOf(set);
  const ofOwn = set.benchmark === "mini" || set.benchmark === "mapped" || set.benchmark === "rows";
  const rows = rowsOf(set).map((row, at) => {
    return ofOwn ? { ...row, type: set.items[at]?.task.kind.split("+") } : row;
  });
  const options = { format, allowBadRows: false };
  return scoreReport(readPredictions(set.name, JSON.stringify(rows), options), seed);
}

/** Writes a file per set into `directory`; resolves to their paths. */
export async function writePredictions(
  sets: readonly PlayedSet[],
  directory: string,
): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true });
  const files: string[] = [];
  for (const set of sets) {
    const file = join(directory, `${set.name}.json`);
    await writeFile(file, predictionsText(set));
    files.push(file);
  }
  return files;
}

function rowsOf(set: PlayedSet) {
  return set.items.map((item) =>
    formatOf(set) === "visual-arft-coding" ? codingRow(item) : searchRow(item, set),
  );
}

function codingRow({ task, answer, cause }: PlayedItem) {
  const { id, kind, answers } = task;
  const why = cause === null ? {} : { cause };
  const type = kind.split("+");
  return { id: Number(idOf(id)), pred_answer: answer, gt: answers, type, ...why };
}

/** MAT-Search has one gold for each item, and its scripts write it as a text. */
function searchRow({ task, answer, cause }: PlayedItem, { benchmark }: PlayedSet) {
  const { id, question: query, answers } = task;
  const gt = benchmark === "mat-search" && answers.length === 1 ? (answers[0] ?? "") : answers;
  const why = cause === null ? {} : { cause };
  return { id: idOf(id), query, pred_answer: answer, gt, ...why };
}

/** A task of a mixture is named `<set>/<id>`. */
function idOf(id: string): string {
  return id.slice(id.indexOf("/") + 1);
}
