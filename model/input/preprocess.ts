// Pixels as the vision tower wants them: what transformers' Qwen2VLImageProcessor does (the slow
// processor, image_processing_qwen2_vl.py), bit for bit.
//
// Invariants: 1. `pixels` is a function of the image and the options alone;
//             2. patches stand in merge order: the mergeSize² patches of one token together.
import { type PatchGrid, patchCount } from "./grid.ts";
import type { Preprocessor } from "./preprocessor.ts";
import { resizeBicubic } from "./resample.ts";
import type { RgbImage } from "./rgb-image.ts";
import { smartResize } from "./smart-resize.ts";

const channels = 3;

/** One image for the vision tower. */
export interface PreprocessedImage {
  /** `[patches, channels * temporalPatchSize * patchSize²]`, normalised. */
  readonly pixels: Float32Array;
  readonly grid: PatchGrid;
}

/**
 * Resizes, normalises and cuts `image` into patches. A still image fills all
 * `temporalPatchSize` frames of its patches.
 *
 * @param source names the image in errors: a file, a URL or a hash
 * @throws PromptError when its sides differ by more than a factor of 200.
 */
export function preprocessImage(
  image: RgbImage,
  preprocessor: Preprocessor,
  source?: string,
): PreprocessedImage {
  const grid = gridOf(image, preprocessor, source);
  return {
    pixels: patchify(resizeForModel(image, preprocessor, source), grid, preprocessor),
    grid,
  };
}

/**
 * The image at the size at which it is cut into patches. Resized once more it stays as it is.
 *
 * @throws PromptError as `preprocessImage`
 */
export function resizeForModel(
  image: RgbImage,
  preprocessor: Preprocessor,
  source?: string,
): RgbImage {
  const { patchSize } = preprocessor;
  const [, rows, columns] = gridOf(image, preprocessor, source);
  return resizeBicubic(image, columns * patchSize, rows * patchSize);
}

/**
 * The patches that an image of this size will have, without touching its pixels.
 *
 * @throws PromptError as `preprocessImage`
 */
export function gridOf(
  size: Pick<RgbImage, "width" | "height">,
  preprocessor: Preprocessor,
  source?: string,
): PatchGrid {
  const { patchSize, mergeSize, pixelsMin, pixelsMax } = preprocessor;
  const { width, height } = smartResize(size, {
    factor: patchSize * mergeSize,
    pixelsMin,
    pixelsMax,
    ...(source === undefined ? {} : { source }),
  });
  return [1, height / patchSize, width / patchSize];
}

function patchify(image: RgbImage, grid: PatchGrid, preprocessor: Preprocessor): Float32Array {
  const { patchSize, mergeSize, temporalPatchSize } = preprocessor;
  const [, gridHeight, gridWidth] = grid;
  const tables = normalisationTables(preprocessor);
  const patchLength = channels * temporalPatchSize * patchSize * patchSize;
  const pixels = new Float32Array(patchCount(grid) * patchLength);
  let offset = 0;
  for (let top = 0; top < gridHeight; top += mergeSize) {
    for (let left = 0; left < gridWidth; left += mergeSize) {
      for (let row = top; row < top + mergeSize; row++) {
        for (let column = left; column < left + mergeSize; column++) {
          const patch = pixels.subarray(offset, offset + patchLength);
          fillPatch(patch, image, row * patchSize, column * patchSize, preprocessor, tables);
          offset += patchLength;
        }
      }
    }
  }
  return pixels;
}

/** Writes one patch as `[channel, frame, row, column]`. */
function fillPatch(
  patch: Float32Array,
  image: RgbImage,
  top: number,
  left: number,
  { patchSize, temporalPatchSize }: Preprocessor,
  tables: readonly Float32Array[],
): void {
  const frameLength = patchSize * patchSize;
  for (const [channel, table] of tables.entries()) {
    const first = channel * temporalPatchSize * frameLength;
    let target = first;
    for (let row = top; row < top + patchSize; row++) {
      let source = (row * image.width + left) * channels + channel;
      for (let column = 0; column < patchSize; column++) {
        patch[target++] = table[image.data[source] ?? 0] ?? 0;
        source += channels;
      }
    }
    for (let frame = 1; frame < temporalPatchSize; frame++) {
      patch.copyWithin(first + frame * frameLength, first, first + frameLength);
    }
  }
}

/**
 * The normalised value of each byte, per channel. The steps round as numpy does: the rescale in
 * float64, its result, the difference and the quotient in float32.
 */
function normalisationTables(preprocessor: Preprocessor): readonly Float32Array[] {
  return preprocessor.mean.map((mean, channel) => {
    const mean32 = Math.fround(mean);
    const deviation32 = Math.fround(preprocessor.deviation[channel] ?? 1);
    return Float32Array.from({ length: 256 }, (_, byte) => {
      const rescaled = Math.fround(byte * preprocessor.rescaleFactor);
      return Math.fround(Math.fround(rescaled - mean32) / deviation32);
    });
  });
}
