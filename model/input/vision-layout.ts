// Where the patches of a batch of images sit in the vision tower, as Qwen2.5-VL's rot_pos_emb and
// get_window_index order them (transformers, modeling_qwen2_5_vl.py).
//
// Patches arrive in merge order: the `mergeSize`² patches of one output token stand together, and
// these merge units run row by row. Most layers attend inside square windows only, so the tower
// sorts units by window first (`windowIndex`), and back at the end (`restoreIndex`).
//
// Invariants: 1. `windowIndex` is a permutation of all merge units and never mixes images;
//             2. `windowStarts` and `frameStarts` begin with 0, ascend strictly and end with the
//                number of patches: empty windows are left out.
import type { VisionConfig } from "../config.ts";
import { PromptError } from "./errors.ts";
import { type PatchGrid, patchCount } from "./grid.ts";

/** What the layout needs of a `VisionConfig`, which fits as it is. Sizes in pixels. */
export type VisionLayoutOptions = Pick<VisionConfig, "mergeSize" | "patchSize" | "windowSize">;

/** Everything about P patches and U = P / mergeSize² merge units. */
export interface VisionLayout {
  readonly patches: number;
  /** `[P, 2]` in merge order: the (row, column) of each patch in its image. */
  readonly positions: Int32Array;
  /** `[U]`: the unit (in merge order) that stands at each place of the window order. */
  readonly windowIndex: Int32Array;
  /** `[U]`: the inverse of `windowIndex`. */
  readonly restoreIndex: Int32Array;
  /** `[P, 2]` in window order: `positions` as the attention layers see them. */
  readonly windowPositions: Int32Array;
  /** Patch offsets in window order where each window starts, and P at the end. */
  readonly windowStarts: Int32Array;
  /** Patch offsets where each frame of each image starts, and P at the end (full attention). */
  readonly frameStarts: Int32Array;
}

/**
 * Lays out the patches of `grids`, images one after another.
 *
 * @throws PromptError when a grid does not divide into merge units.
 */
export function visionLayout(
  grids: readonly PatchGrid[],
  options: VisionLayoutOptions,
): VisionLayout {
  const { mergeSize } = options;
  const unitPatches = mergeSize * mergeSize;
  for (const [image, grid] of grids.entries()) requireGrid(grid, image, mergeSize);
  const patches = grids.reduce((sum, grid) => sum + patchCount(grid), 0);
  const positions = new Int32Array(2 * patches);
  const frameStarts = [0];
  let patch = 0;
  for (const grid of grids) {
    for (let frame = 0; frame < grid[0]; frame++) {
      patch = placeFrame(positions, patch, grid, mergeSize);
      frameStarts.push(patch);
    }
  }

  const windowIndex = new Int32Array(patches / unitPatches);
  const windowStarts = [0];
  // A window of pixels, counted in merge units.
  const windowUnits = Math.floor(Math.floor(options.windowSize / mergeSize) / options.patchSize);
  const order = { windowIndex, windowStarts, windowUnits, unitPatches };
  let unit = 0;
  for (const [time, height, width] of grids) {
    for (let frame = 0; frame < time; frame++) {
      unit = orderFrame(order, unit, height / mergeSize, width / mergeSize);
    }
  }

  const restoreIndex = new Int32Array(windowIndex.length);
  for (const [place, source] of windowIndex.entries()) restoreIndex[source] = place;
  return {
    patches,
    positions,
    windowIndex,
    restoreIndex,
    windowPositions: gatherUnits(positions, windowIndex, 2 * unitPatches),
    windowStarts: Int32Array.from(windowStarts),
    frameStarts: Int32Array.from(frameStarts),
  };
}

/**
 * The number of the segment each element belongs to, `[n]` for `starts` that end with n. Two
 * patches may attend to each other where their numbers are equal.
 */
export function segmentIds(starts: Int32Array): Int32Array {
  const ids = new Int32Array(starts.at(-1) ?? 0);
  for (let segment = 0; segment + 1 < starts.length; segment++) {
    ids.fill(segment, starts[segment], starts[segment + 1]);
  }
  return ids;
}

function requireGrid(grid: PatchGrid, image: number, mergeSize: number): void {
  const [time, height, width] = grid;
  const whole = [time, height / mergeSize, width / mergeSize];
  if (whole.every((size) => Number.isInteger(size) && size > 0)) return;
  throw new PromptError(
    "prompt.grid",
    `image ${image + 1} has a grid of ${grid.join("x")} patches, which does not divide into ` +
      `blocks of ${mergeSize}x${mergeSize}`,
    { facts: { image, grid, mergeSize } },
  );
}

/** Writes (row, column) of one frame's patches in merge order; returns the next patch. */
function placeFrame(
  positions: Int32Array,
  start: number,
  [, height, width]: PatchGrid,
  mergeSize: number,
): number {
  let offset = 2 * start;
  for (let top = 0; top < height; top += mergeSize) {
    for (let left = 0; left < width; left += mergeSize) {
      for (let row = top; row < top + mergeSize; row++) {
        for (let column = left; column < left + mergeSize; column++) {
          positions[offset++] = row;
          positions[offset++] = column;
        }
      }
    }
  }
  return offset / 2;
}

interface WindowOrder {
  readonly windowIndex: Int32Array;
  readonly windowStarts: number[];
  readonly windowUnits: number;
  readonly unitPatches: number;
}

/** Appends one frame's units window by window; returns the next unit. */
function orderFrame(order: WindowOrder, start: number, height: number, width: number): number {
  const { windowIndex, windowStarts, windowUnits, unitPatches } = order;
  let place = start;
  for (let top = 0; top < height; top += windowUnits) {
    for (let left = 0; left < width; left += windowUnits) {
      for (let row = top; row < Math.min(top + windowUnits, height); row++) {
        for (let column = left; column < Math.min(left + windowUnits, width); column++) {
          windowIndex[place++] = start + row * width + column;
        }
      }
      windowStarts.push(place * unitPatches);
    }
  }
  return place;
}

function gatherUnits(source: Int32Array, index: Int32Array, unitLength: number): Int32Array {
  const gathered = new Int32Array(source.length);
  for (const [place, unit] of index.entries()) {
    gathered.set(source.subarray(unit * unitLength, (unit + 1) * unitLength), place * unitLength);
  }
  return gathered;
}
