// A sheet: four texts in four fields, twice the side of an ordinary image. The policy sees it
// scaled down, too small to read; the question names one field by the official 0–1000 coordinates,
// and cutting it out is the repair.

import { fieldPixels } from "./glyphs.ts";
import type { GreyImage } from "./image.ts";
import { imageFrom } from "./image.ts";

/** A field of a sheet: 0 top left, 1 top right, 2 bottom left, 3 bottom right. */
export type Field = 0 | 1 | 2 | 3;

export const fields: readonly Field[] = [0, 1, 2, 3];

/** The pixel box of a field in its sheet. */
export function fieldBox(field: Field) {
  const left = (field % 2) * fieldPixels;
  const top = Math.floor(field / 2) * fieldPixels;
  return { left, top, right: left + fieldPixels, bottom: top + fieldPixels };
}

/** `[x_min, y_min, x_max, y_max]` in thousandths of the sheet, as MAT-Coding writes it. */
export function fieldCoordinates(field: Field): string {
  const { left, top, right, bottom } = fieldBox(field);
  const thousandths = [left, top, right, bottom].map((edge) => (edge / (2 * fieldPixels)) * 1000);
  return `[${thousandths.join(", ")}]`;
}

/** Puts four 56x56 images together into one of 112x112. */
export function sheetOf(images: readonly GreyImage[]): GreyImage {
  const side = 2 * fieldPixels;
  return imageFrom(side, side, (x, y) => {
    const field = Math.floor(y / fieldPixels) * 2 + Math.floor(x / fieldPixels);
    const image = images[field] as GreyImage;
    return image.pixels[(y % fieldPixels) * fieldPixels + (x % fieldPixels)] as number;
  });
}
