// The size of one image in patches, and what follows from it.

/** One image in patches: `[time, height, width]`. A still image has time 1. */
export type PatchGrid = readonly [time: number, height: number, width: number];

/** Number of patches, the rows of an image's pixel matrix: time * height * width. */
export function patchCount([time, height, width]: PatchGrid): number {
  return time * height * width;
}

/** Number of prompt tokens that stand for an image: `mergeSize`² patches become one. */
export function imageTokenCount(grid: PatchGrid, mergeSize: number): number {
  return patchCount(grid) / (mergeSize * mergeSize);
}
