// The crop of the published evaluation, which the harness writes and not the model: after a
// diagnosis of `crop`, every slice of two parts in the model's program becomes the box that the
// question names. For comparison only.
import type { EnvironmentWords, SaidTurn } from "../environment-text.ts";
import { labelsIn } from "./actions.ts";

const boxPattern = /\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]/;
/** A bound of a slice: no bracket and no colon, but for brackets within it. */
const bound = String.raw`(?:[^\[\]:]|\[[^\[\]]*\])+?`;
const slicePattern = new RegExp(String.raw`\[${bound}:${bound},${bound}:${bound}\]`, "g");

/** Reads the size of the image that the box is a part of. */
const sizeOf = [
  "import cv2 as _oracle_cv2",
  "_oracle_h, _oracle_w = _oracle_cv2.imread('path_to_input_image.jpg').shape[:2]",
];

/**
 * `program` with the box of `question` (x and y of two corners, of 1000) in every slice of two
 * parts; unchanged where the question names no box or the program has no such slice.
 */
export function withOracleBox(question: string, program: string): string {
  const box = boxPattern.exec(question);
  if (box === null || program.match(slicePattern) === null) return program;
  const [, left, top, right, bottom] = box;
  const of = (share: string | undefined, size: string) => `int(${share} / 1000 * ${size})`;
  const rows = `${of(top, "_oracle_h")}:${of(bottom, "_oracle_h")}`;
  const columns = `${of(left, "_oracle_w")}:${of(right, "_oracle_w")}`;
  return [...sizeOf, program.replace(slicePattern, `[${rows}, ${columns}]`)].join("\n");
}

/** `environment` with the published crop. */
export function withCropOracle(environment: EnvironmentWords): EnvironmentWords {
  return {
    ...environment,
    programFor: (task, turns, program) =>
      isCrop(turns) ? withOracleBox(task.question, program) : program,
  };
}

/** The latest diagnosis begins, sorted, with `crop`. */
function isCrop(turns: readonly SaidTurn[]): boolean {
  const diagnosis = turns.findLast(({ text }) => text.includes("<problem>"));
  return diagnosis !== undefined && labelsIn(diagnosis.text)[0] === "crop";
}
