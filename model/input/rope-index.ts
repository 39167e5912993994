// Positions of a prompt of text and images, as Qwen2.5-VL's get_rope_index assigns them
// (transformers, modeling_qwen2_5_vl.py): text counts up in all three axes together; an image
// starts one past everything before it and spreads over (time, height, width); what follows starts
// one past the largest position of the image.
//
// Invariants: 1. every run of image tokens has a grid and every grid its run (I6);
//             2. positions depend on the ids and grids before them only, so that a longer prompt
//                keeps the positions of its prefix.
import type { TokenIds, VisionConfig } from "../config.ts";
import { PromptError } from "./errors.ts";
import { imageTokenCount, type PatchGrid } from "./grid.ts";

/** What the position rule needs of a `ModelConfig`, which fits as it is. */
export interface RopeIndexOptions {
  readonly tokens: Pick<TokenIds, "image">;
  readonly vision: Pick<VisionConfig, "mergeSize">;
}

export interface RopeIndex {
  /** `[3, T]` row by row: the time, height and width position of each token. */
  readonly positions: Int32Array;
  /** The position of the first token that is generated after the prompt, equal in all axes. */
  readonly next: number;
}

/**
 * Assigns 3-D positions to `ids` (`[T]`). `grids` are the images in the order of their tokens.
 * The time axis of an image stands still: only videos move it.
 *
 * @throws PromptError when image tokens and grids do not match one to one.
 */
export function ropeIndex(
  ids: ArrayLike<number>,
  grids: readonly PatchGrid[],
  config: RopeIndexOptions,
): RopeIndex {
  const imageToken = config.tokens.image;
  const { mergeSize } = config.vision;
  const total = ids.length;
  const positions = new Int32Array(3 * total);
  let next = 0;
  let image = 0;
  let index = 0;
  while (index < total) {
    if (ids[index] !== imageToken) {
      for (let axis = 0; axis < 3; axis++) positions[axis * total + index] = next;
      next++;
      index++;
      continue;
    }
    const grid = grids[image];
    if (grid === undefined) {
      throw new PromptError(
        "prompt.image_missing",
        `token ${index} starts image ${image + 1}, but the prompt came with ${grids.length}; ` +
          `give one grid per image in the order of the text`,
        { facts: { index, images: grids.length } },
      );
    }
    requireImageRun(ids, index, image, grid, config);
    next = placeImage(positions, index, next, grid, mergeSize);
    index += imageTokenCount(grid, mergeSize);
    image++;
  }
  if (image !== grids.length) {
    throw new PromptError(
      "prompt.image_unused",
      `the prompt holds tokens for ${image} images, but came with ${grids.length}`,
      { facts: { found: image, images: grids.length } },
    );
  }
  return { positions, next };
}

function requireImageRun(
  ids: ArrayLike<number>,
  start: number,
  image: number,
  grid: PatchGrid,
  { tokens, vision: { mergeSize } }: RopeIndexOptions,
): void {
  const count = imageTokenCount(grid, mergeSize);
  if (!(Number.isInteger(count) && count > 0)) {
    throw new PromptError(
      "prompt.grid",
      `image ${image + 1} has a grid of ${grid.join("x")} patches, which does not divide into ` +
        `blocks of ${mergeSize}x${mergeSize}`,
      { facts: { image, grid, mergeSize } },
    );
  }
  for (let offset = 0; offset < count; offset++) {
    if (ids[start + offset] === tokens.image) continue;
    throw new PromptError(
      "prompt.image_tokens",
      `image ${image + 1} needs ${count} image tokens from token ${start} on, found ${offset}`,
      { facts: { image, start, expected: count, found: offset } },
    );
  }
}

/** Writes the positions of one image and returns the position after it. */
function placeImage(
  positions: Int32Array,
  start: number,
  origin: number,
  [time, patchHeight, patchWidth]: PatchGrid,
  mergeSize: number,
): number {
  const total = positions.length / 3;
  const height = patchHeight / mergeSize;
  const width = patchWidth / mergeSize;
  let index = start;
  for (let frame = 0; frame < time; frame++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        positions[index] = origin;
        positions[total + index] = origin + row;
        positions[2 * total + index] = origin + column;
        index++;
      }
    }
  }
  return origin + Math.max(height, width);
}
