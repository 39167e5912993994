// What goes into the model: checkpoint folders, token ids, pixels and positions.
export {
  type BuildTokenizerOptions,
  buildTokenizer,
  qwenSpecialTokens,
  qwenSplitPattern,
} from "./build-tokenizer.ts";
export type {
  ChatContent,
  ChatMessage,
  ChatPart,
  EncodeChatOptions,
  EncodeTurnOptions,
  RenderOptions,
} from "./chat.ts";
export {
  type Checkpoint,
  openCheckpoint,
  readSafetensorsHeader,
  weightsFile,
  weightsIndexFile,
} from "./checkpoint.ts";
export { type CheckpointContent, configFile, writeCheckpoint } from "./checkpoint-writer.ts";
export {
  type DecodeOptions,
  decodeImage,
  type ImageFormat,
  imageFormatOf,
  imagePixelsMaxDefault,
  imageSideMin,
} from "./decode-image.ts";
export { CheckpointError, ImageError, PromptError, TokenizerError } from "./errors.ts";
export { bfloat16Value } from "./float-bits.ts";
export {
  type GenerationConfig,
  generationConfigFile,
  readGenerationConfig,
} from "./generation-config.ts";
export { imageTokenCount, type PatchGrid, patchCount } from "./grid.ts";
export { formatJson, readJsonFile } from "./json-file.ts";
export { requireLayers } from "./layers.ts";
export { gridOf, type PreprocessedImage, preprocessImage, resizeForModel } from "./preprocess.ts";
export { type Preprocessor, readPreprocessor } from "./preprocessor.ts";
export { bareChatTemplate, qwenChatTemplate } from "./qwen-chat-template.ts";
export { resizeBicubic } from "./resample.ts";
export type { RgbImage } from "./rgb-image.ts";
export { type RopeIndex, type RopeIndexOptions, ropeIndex } from "./rope-index.ts";
export { decodeSafetensors } from "./safetensors-decode.ts";
export {
  elementCount,
  formatHeader,
  isFloatType,
  sortedNames,
  type TensorEntry,
  type TensorForm,
  type TensorType,
  tensorElementBytes,
  type WritableTensorType,
} from "./safetensors-header.ts";
export {
  encodeSafetensors,
  floatBytes,
  type Tensor,
  writeSafetensors,
} from "./safetensors-write.ts";
export { type PixelSize, type SmartResizeOptions, smartResize } from "./smart-resize.ts";
export { floatPieces, readFloat32, requireFloat, tensorBytes } from "./tensor-data.ts";
export { moduleName, publishedName } from "./tensor-names.ts";
export {
  createTokenizer,
  openTokenizer,
  type Tokenizer,
  type TokenizerParts,
} from "./tokenizer.ts";
export type { TokenizerJson } from "./tokenizer-json.ts";
export {
  segmentIds,
  type VisionLayout,
  type VisionLayoutOptions,
  visionLayout,
} from "./vision-layout.ts";
export { requireVocabulary } from "./vocabulary.ts";
