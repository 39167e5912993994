// What goes into the model: checkpoint folders, token ids, pixels and positions.
export { CheckpointError, ImageError, PromptError, TokenizerError } from "./errors.ts";
export { imageTokenCount, type PatchGrid, patchCount } from "./grid.ts";
export { type RopeIndex, type RopeIndexOptions, ropeIndex } from "./rope-index.ts";
export {
  segmentIds,
  type VisionLayout,
  type VisionLayoutOptions,
  visionLayout,
} from "./vision-layout.ts";
