// The Python that the demonstrations show: whole programs that read, repair and write an image. A
// menu holds, for each function, the argument that is right for some problem and plausible wrong
// ones; the policy itself is free to write any program it likes.

import type { Problem } from "../protocol/index.ts";
import {
  crop,
  type GreyImage,
  medianBlur,
  rotateClockwise,
  rotateCounterclockwise,
  rotateHalf,
  sharpen,
  stretchLevels,
} from "./image.ts";
import { type Field, fieldBox, fields } from "./sheet.ts";

/** One repair as a program and as the same thing on pixels. */
export interface Repair {
  readonly lines: readonly string[];
  apply(image: GreyImage): GreyImage;
}

const rotate = (constant: string, apply: Repair["apply"]): Repair => ({
  lines: [`img = cv2.rotate(img, cv2.${constant})`],
  apply,
});

const levels = (low: number, high: number): Repair => ({
  lines: [`img = cv2.normalize(img, None, ${low}, ${high}, cv2.NORM_MINMAX)`],
  apply: (image) => stretchLevels(image, low, high),
});

const median = (size: number): Repair => ({
  lines: [`img = cv2.medianBlur(img, ${size})`],
  apply: (image) => medianBlur(image, size),
});

const unsharp = (amount: number): Repair => ({
  lines: [
    "soft = cv2.blur(img, (9, 9))",
    `img = cv2.addWeighted(img, ${amount}, soft, ${1 - amount}, 0)`,
  ],
  apply: (image) => sharpen(image, amount),
});

const cut = (field: Field): Repair => {
  const box = fieldBox(field);
  return {
    lines: [`img = img[${box.top}:${box.bottom}, ${box.left}:${box.right}]`],
    apply: (image) => crop(image, box),
  };
};

export const turnLeft = rotate("ROTATE_90_COUNTERCLOCKWISE", rotateCounterclockwise);
export const turnRight = rotate("ROTATE_90_CLOCKWISE", rotateClockwise);
export const turnHalf = rotate("ROTATE_180", rotateHalf);
/** Mends what is too dark and what is too bright, and does an ordinary image no harm. */
export const stretch = levels(0, 255);
/** Whatever the image was, it is too dark afterwards. */
export const stretchTooLittle = levels(0, 40);
export const medianSmall = median(3);
export const sharpenABit = unsharp(2);
export const sharpenMuch = unsharp(7);

/** The right repair of `problem`; a crop needs the field that the question names. */
export function rightRepair(problem: Problem, field: Field): Repair | null {
  switch (problem) {
    case "rotation90":
      return turnLeft;
    case "rotation180":
      return turnHalf;
    case "dark":
    case "overexposure":
      return stretch;
    case "blur":
      return sharpenMuch;
    case "noise":
      return medianSmall;
    case "crop":
      return cut(field);
    case "none":
      return null;
  }
}

/** Turned to the left: no kind of task, but what a wrong repair may leave. */
export const turnedOver = "rotation270";

/** What may be wrong with an image. */
export type Trouble = Problem | typeof turnedOver;

/** Everything of the right function: the right argument among wrong ones. */
export function repairMenu(trouble: Trouble): readonly Repair[] {
  switch (trouble) {
    case "rotation90":
    case "rotation180":
    case "rotation270":
      return [turnLeft, turnRight, turnHalf];
    case "dark":
    case "overexposure":
      return [stretch, stretchTooLittle, levels(215, 255)];
    case "blur":
      return [sharpenABit, sharpenMuch];
    case "noise":
      return [median(3), median(5), median(11)];
    case "crop":
      return fields.map(cut);
    case "none":
      return [];
  }
}

/**
 * The teacher's favourite wrong argument: turns on to `rotation270`, stretches too little, smears.
 * What it leaves is no kind of task, so that a careless "clear" over it spoils no other lesson.
 */
export function habitOf(trouble: Trouble): Repair | null {
  switch (trouble) {
    case "rotation90":
    case "rotation270":
      return turnHalf;
    case "rotation180":
      return turnRight;
    case "dark":
    case "overexposure":
      return stretchTooLittle;
    case "noise":
      return median(11);
    default:
      return null;
  }
}

/** A repair of another kind, tried in vain. */
export interface Stray {
  readonly diagnosis: Problem;
  readonly repair: Repair;
}

const stretches: readonly Stray[] = [
  { diagnosis: "dark", repair: stretch },
  { diagnosis: "overexposure", repair: stretch },
];
const smoothing: Stray = { diagnosis: "noise", repair: medianSmall };
const sharpenings: readonly Stray[] = [
  { diagnosis: "blur", repair: sharpenABit },
  { diagnosis: "blur", repair: sharpenMuch },
];

/** Repairs of other kinds that leave the image with `trouble` and nothing else, still mendable. */
export function harmless(trouble: Trouble): readonly Stray[] {
  switch (trouble) {
    case "none":
    case "rotation90":
    case "rotation180":
    case "rotation270":
      return [...stretches, smoothing, ...sharpenings];
    case "dark":
    case "overexposure":
      return [smoothing];
    case "blur":
      return [...stretches, smoothing];
    case "noise":
      return stretches;
    default:
      return [];
  }
}

/** The line that cuts a field out. */
export const cutLine = (field: Field): string => cut(field).lines.join("\n");

/** The whole program around a repair, with the file names of the official prompt. */
export function programOf(repair: Repair): string {
  return [
    "import cv2",
    "img = cv2.imread('path_to_input_image.jpg')",
    ...repair.lines,
    "cv2.imwrite('path_to_output_image.jpg', img)",
    "",
  ].join("\n");
}
