// The letters of the mini benchmark: a 5x7 dot-matrix font, three pixels a dot, two letters an
// image. Letters that look like themselves or another when turned (0 1 2 5 8 9 H I M N O S W X Z)
// are left out, so that every image has one right way up; so is A, which is an English article and
// vanishes when answers are normalised.
import type { RandomStream } from "../../events/index.ts";
import { type GreyImage, saturate } from "./image.ts";

/** One hexadecimal byte a column, left to right; bit 0 is the top row. */
const columns: Readonly<Record<string, string>> = {
  "3": "2141454b31",
  "4": "1814127f10",
  "6": "3c4a494930",
  "7": "0171090503",
  C: "3e41414122",
  D: "7f4141221c",
  E: "7f49494941",
  F: "7f09090901",
  G: "3e4149497a",
  J: "2040413f01",
  K: "7f08142241",
  L: "7f40404040",
  P: "7f09090906",
  Q: "3e4151215e",
  R: "7f09192946",
  T: "01017f0101",
  U: "3f4040403f",
  V: "1f2040201f",
  Y: "0708700807",
};

/** The letters that a text may consist of. */
export const letters: readonly string[] = Object.keys(columns);

/** Side of an ordinary image and of one field of a sheet, in pixels. */
export const fieldPixels = 56;

const dotPixels = 3;
const glyphWidth = 5 * dotPixels;
const glyphHeight = 7 * dotPixels;
const marginPixels = 2;
const gapPixelsMin = 3;
const gapPixelsMax = 9;
const grainLevels = 12;

/** The grey levels of one image: background light, ink dark. */
export interface Ink {
  readonly background: number;
  readonly ink: number;
}

/** Random grey levels that leave at least 110 levels of contrast. */
export function drawInk(random: RandomStream): Ink {
  return { background: 170 + random.integer(80), ink: random.integer(60) };
}

/**
 * Draws `text` (one or two letters of the alphabet) into a 56x56 image at a random place, letters a
 * random distance apart, with a little grain. `jitterPixels` bounds the distance from the centre (a
 * curriculum needs small ones first).
 */
export function drawText(
  random: RandomStream,
  text: readonly string[],
  { background, ink }: Ink,
  jitterPixels = fieldPixels,
): GreyImage {
  const advance = glyphWidth + gapPixelsMin + random.integer(gapPixelsMax - gapPixelsMin + 1);
  const width = (text.length - 1) * advance + glyphWidth;
  const left = placeAround(random, (fieldPixels - width) / 2, jitterPixels);
  const top = placeAround(random, (fieldPixels - glyphHeight) / 2, jitterPixels);
  const levels = new Float64Array(fieldPixels * fieldPixels).fill(background);
  for (const [index, letter] of text.entries()) {
    paintLetter(levels, letter, left + index * advance, top, ink);
  }
  const grain = random.bytes(levels.length);
  const pixels = new Uint8Array(levels.length);
  for (let at = 0; at < pixels.length; at++) {
    const shift = ((grain[at] as number) / 256 - 0.5) * grainLevels;
    pixels[at] = saturate((levels[at] as number) + shift);
  }
  return { width: fieldPixels, height: fieldPixels, pixels };
}

function placeAround(random: RandomStream, centre: number, jitterPixels: number): number {
  const reach = Math.min(jitterPixels, centre - marginPixels);
  return Math.round(centre + (2 * random.uniform() - 1) * reach);
}

function paintLetter(
  levels: Float64Array,
  letter: string,
  left: number,
  top: number,
  ink: number,
): void {
  const hexadecimal = columns[letter] as string;
  for (let x = 0; x < glyphWidth; x++) {
    const column = Math.floor(x / dotPixels);
    const bits = Number.parseInt(hexadecimal.slice(2 * column, 2 * column + 2), 16);
    for (let y = 0; y < glyphHeight; y++) {
      const isInk = ((bits >> Math.floor(y / dotPixels)) & 1) === 1;
      if (isInk) levels[(top + y) * fieldPixels + left + x] = ink;
    }
  }
}
