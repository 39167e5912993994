// Images as feeds of the vision tower: patches in window order, and how they are grouped.
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import type { PatchGrid } from "../input/index.ts";
import { imageTokenCount, patchCount, visionLayout } from "../input/index.ts";
import { maskedScore } from "../qwen/index.ts";
import { patchAngles } from "./rope.ts";
import type { Feeds } from "./session.ts";
import { floats, integers } from "./session.ts";

/** A preprocessed image. Images with the same `hash` have the same pixels. */
export interface ImageInput {
  readonly hash: string;
  /** [patches, values per patch], patches in merge-block order. */
  readonly pixels: Float32Array;
  readonly grid: PatchGrid;
}

/** The tower's feeds for a batch, and where each token of the images ends up among its outputs. */
export interface VisionFeeds {
  readonly feeds: Feeds;
  /** Output row of each image token, images one after another. */
  readonly tokenRows: Int32Array;
}

/** The number of prompt tokens an image takes. */
export function tokensOf(image: ImageInput, { vision }: ModelConfig): number {
  return imageTokenCount(image.grid, vision.mergeSize);
}

/** The fewest image tokens of a run: matrix products need two rows to round alike. */
const tokensMin = 2;

/** Feeds for the images given; blank ones, which nothing refers to, make up the least number. */
export function visionFeeds(given: readonly ImageInput[], config: ModelConfig): VisionFeeds {
  const { vision } = config;
  const images = [...given];
  for (let tokens = sumOfTokens(given, config); tokens < tokensMin; tokens++)
    images.push(blankImage(config));
  const grids = images.map((image) => image.grid);
  const layout = visionLayout(grids, vision);
  const valueCount = vision.channelCount * vision.temporalPatchSize * vision.patchSize ** 2;
  const unitSize = vision.mergeSize ** 2 * valueCount;
  const pixels = new Float32Array(layout.patches * valueCount);
  const units = images.flatMap((image) => unitsOf(image, unitSize, valueCount));
  for (const [place, unit] of layout.windowIndex.entries()) {
    const source = units[unit];
    assert(source !== undefined, `unit ${unit} of the window order does not exist`);
    pixels.set(source, place * unitSize);
  }
  const angles = patchAngles(config, layout.windowPositions);
  const angleShape = [layout.patches, vision.headSize / 2];
  return {
    feeds: new Map([
      ["pixels", floats(pixels, [layout.patches, valueCount])],
      ["patchCosine", floats(angles.cosine, angleShape)],
      ["patchSine", floats(angles.sine, angleShape)],
      ...groupingFeeds("window", layout.windowStarts),
      ...groupingFeeds("frame", layout.frameStarts),
    ]),
    tokenRows: layout.restoreIndex,
  };
}

function sumOfTokens(images: readonly ImageInput[], config: ModelConfig): number {
  return images.reduce((sum, image) => sum + tokensOf(image, config), 0);
}

/** The smallest image, one token: all zeros. */
export function blankImage({ vision }: ModelConfig): ImageInput {
  const { mergeSize } = vision;
  const values = vision.channelCount * vision.temporalPatchSize * vision.patchSize ** 2;
  const pixels = new Float32Array(mergeSize ** 2 * values);
  return { hash: "blank", pixels, grid: [1, mergeSize, mergeSize] };
}

function unitsOf(image: ImageInput, unitSize: number, valueCount: number): Float32Array[] {
  const size = patchCount(image.grid) * valueCount;
  assert(image.pixels.length === size, `image ${image.hash} has pixels that do not fit its grid`);
  return Array.from({ length: size / unitSize }, (_, unit) =>
    image.pixels.subarray(unit * unitSize, (unit + 1) * unitSize),
  );
}

/** Consecutive patches `starts[g]`..`starts[g + 1]` form group g; shorter groups are padded. */
function groupingFeeds(name: string, starts: Int32Array) {
  const groups = starts.length - 1;
  const patches = starts[groups] ?? 0;
  const sizes = Array.from({ length: groups }, (_, g) => (starts[g + 1] ?? 0) - (starts[g] ?? 0));
  const longest = Math.max(...sizes);
  const index = new Int32Array(groups * longest);
  const mask = new Float32Array(groups * longest).fill(maskedScore);
  const inverse = new Int32Array(patches);
  for (const [group, size] of sizes.entries()) {
    for (let place = 0; place < size; place++) {
      const slot = group * longest + place;
      const patch = (starts[group] ?? 0) + place;
      index[slot] = patch;
      mask[slot] = 0;
      inverse[patch] = slot;
    }
  }
  return [
    [`${name}Index`, integers(index, [groups, longest])],
    [`${name}Inverse`, integers(inverse, [patches])],
    [`${name}Mask`, floats(mask, [groups, longest])],
  ] as const;
}
