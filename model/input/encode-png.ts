// Writes PNG. sharp's zlib picks its matches by instruction set, so equal pixels could give other
// bytes on another machine; a run-length strategy has no such choice, and pictures are named by the
// hash of their bytes. https://www.w3.org/TR/png-3/
//
// Invariant: bytes are a function of the pixels alone.
import { constants, crc32, deflateSync } from "node:zlib";
import { assert } from "../../events/index.ts";
import { concatBytes } from "./concat-bytes.ts";
import type { RgbImage } from "./rgb-image.ts";

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const bitDepth = 8;
const colourTypes = { 1: 0, 3: 2 } as const;

/** Pixels of `channels` bytes each, rows top down without padding: 1 is grey, 3 is RGB. */
export interface PixelImage extends RgbImage {
  readonly channels?: 1 | 3;
}

/** Encodes 8-bit RGB, or grey where `channels` is 1. */
export function encodePng(image: PixelImage): Uint8Array<ArrayBuffer> {
  const { width, height, channels = 3, data } = image;
  assert(width > 0 && height > 0, "a PNG has at least one pixel");
  assert(data.length === width * height * channels, "pixels do not match width and height");
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([bitDepth, colourTypes[channels]], 8);
  const packed = deflateSync(filterRows(data, width * channels, height, channels), {
    level: 9,
    strategy: constants.Z_RLE,
  });
  return concatBytes([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** Prefixes each row with the filter that leaves the smallest sum of differences. */
function filterRows(
  data: Uint8Array,
  rowLength: number,
  height: number,
  pixelBytes: number,
): Uint8Array {
  const filtered = new Uint8Array((rowLength + 1) * height);
  const candidate = new Uint8Array(rowLength);
  let above: Uint8Array = new Uint8Array(rowLength);
  for (let row = 0; row < height; row++) {
    const current = data.subarray(row * rowLength, (row + 1) * rowLength);
    const target = filtered.subarray(row * (rowLength + 1), (row + 1) * (rowLength + 1));
    let best = Number.POSITIVE_INFINITY;
    for (const [filter, predict] of predictors.entries()) {
      const cost = applyFilter(predict, current, above, pixelBytes, candidate);
      if (cost >= best) continue;
      best = cost;
      target[0] = filter;
      target.set(candidate, 1);
    }
    above = current;
  }
  return filtered;
}

type Predictor = (left: number, up: number, upLeft: number) => number;

/** None, Sub, Up, Average and Paeth: the number of a filter is its place. */
const predictors: readonly Predictor[] = [
  () => 0,
  (left) => left,
  (_left, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
];

function paeth(left: number, up: number, upLeft: number): number {
  const fromLeft = Math.abs(up - upLeft);
  const fromUp = Math.abs(left - upLeft);
  const fromUpLeft = Math.abs(left + up - 2 * upLeft);
  if (fromLeft <= fromUp && fromLeft <= fromUpLeft) return left;
  return fromUp <= fromUpLeft ? up : upLeft;
}

/** Fills `target` with differences and returns the sum of their sizes as signed bytes. */
function applyFilter(
  predict: Predictor,
  current: Uint8Array,
  above: Uint8Array,
  pixelBytes: number,
  target: Uint8Array,
): number {
  let cost = 0;
  for (let index = 0; index < current.length; index++) {
    const left = current[index - pixelBytes] ?? 0;
    const upLeft = above[index - pixelBytes] ?? 0;
    const difference = ((current[index] ?? 0) - predict(left, above[index] ?? 0, upLeft)) & 0xff;
    target[index] = difference;
    cost += difference < 128 ? difference : 256 - difference;
  }
  return cost;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(Buffer.from(type, "latin1"), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, crc32(bytes.subarray(4, content.length + 8)));
  return bytes;
}
