// The letters of the mini benchmark: a 5x7 dot-matrix font, three pixels a dot, two letters an
// image. Letters that look like themselves or another when turned (0 1 2 5 8 9 H I M N O S W X Z)
// are left out, so that every image has one right way up; so is A, which is an English article and
// vanishes when answers are normalised.
import type { RandomStream } from "../../events/index.ts";
import { type GreyImage, imageFrom } from "./image.ts";

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
 * Draws `text` (letters of the alphabet) into a 56x56 image at a random place, with a little grain.
 * `jitterPixels` bounds the distance from the centre (a curriculum needs small ones first).
 */
export function drawText(
  random: RandomStream,
  text: readonly string[],
  { background, ink }: Ink,
  jitterPixels = fieldPixels,
): GreyImage {
  const width = text.length * glyphWidth + (text.length - 1) * dotPixels;
  const left = placeAround(random, (fieldPixels - width) / 2, jitterPixels);
  const top = placeAround(random, (fieldPixels - glyphHeight) / 2, jitterPixels);
  const glyphColumns = text.map(columnsOf);
  const grain = random.bytes(fieldPixels * fieldPixels);
  return imageFrom(fieldPixels, fieldPixels, (x, y) => {
    const level = isInk(glyphColumns, x - left, y - top) ? ink : background;
    return level + ((grain[y * fieldPixels + x] as number) / 256 - 0.5) * grainLevels;
  });
}

function placeAround(random: RandomStream, centre: number, jitterPixels: number): number {
  const reach = Math.min(jitterPixels, centre - marginPixels);
  return Math.round(centre + (2 * random.uniform() - 1) * reach);
}

/** The columns of a letter as bits, top row first. */
function columnsOf(letter: string): readonly number[] {
  const hexadecimal = columns[letter] as string;
  return [0, 2, 4, 6, 8].map((at) => Number.parseInt(hexadecimal.slice(at, at + 2), 16));
}

function isInk(glyphs: readonly (readonly number[])[], x: number, y: number): boolean {
  if (x < 0 || y < 0 || y >= glyphHeight) return false;
  const bits =
    glyphs[Math.floor(x / (glyphWidth + dotPixels))]?.[
      Math.floor((x % (glyphWidth + dotPixels)) / dotPixels)
    ];
  return bits !== undefined && ((bits >> Math.floor(y / dotPixels)) & 1) === 1;
}
