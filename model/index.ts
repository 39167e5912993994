// The policy: checkpoints, graphs, generation, learning.
export type { AdamSettings, AdamState, AdamStep } from "./adamw.ts";
export { adamStep, globalNorm, initialAdamState, isMatrixName } from "./adamw.ts";
export type { ModelConfig, TextConfig, TokenIds, VisionConfig } from "./config.ts";
export { parseModelConfig, readConfig } from "./config.ts";
export type { TextEmbedder } from "./embedding/index.ts";
export { EmbedderError, openTextEmbedder } from "./embedding/index.ts";
export type {
  GenerateOptions,
  GenerateRow,
  Gradient,
  ImageInput,
  LearnBatch,
  LearnRow,
  LossInputs,
  Policy,
  PolicyOptions,
  PolicySource,
  Role,
  SamplingSettings,
  Sequence,
  TokenScores,
  Turn,
  TurnPiece,
} from "./engine/index.ts";
export { DeviceError, missingCudaFiles, openPolicy, PlacementError } from "./engine/index.ts";
export { ModelConfigError, TensorError } from "./errors.ts";
export type {
  ChatContent,
  Checkpoint,
  CheckpointContent,
  PatchGrid,
  PreprocessedImage,
  Preprocessor,
  RgbImage,
  Tensor,
  Tokenizer,
} from "./input/index.ts";
export {
  bareChatTemplate,
  buildTokenizer,
  createTokenizer,
  decodeImage,
  decodeSafetensors,
  encodeSafetensors,
  generationConfigFile,
  gridOf,
  imageSideMin,
  imageTokenCount,
  openCheckpoint,
  openTokenizer,
  preprocessImage,
  qwenChatTemplate,
  readGenerationConfig,
  readPreprocessor,
  requireVocabulary,
  resizeForModel,
  writeCheckpoint,
} from "./input/index.ts";
export type { ModelFacts } from "./inspect/index.ts";
export { exampleRank, exampleTokens, inspectModel } from "./inspect/index.ts";
export type { Adapter, AdapterPolicy, Rewrite } from "./output/index.ts";
export {
  AdapterError,
  adapterPolicy,
  mergeAdapter,
  OutputError,
  openAdapter,
  rewriteCheckpoint,
  writeAdapter,
} from "./output/index.ts";
export type { Parameter, TensorMap, Tuning } from "./qwen/index.ts";
export {
  initialAdapters,
  initialTensors,
  modelParameters,
  trainableParameters,
} from "./qwen/index.ts";
export { TensorCodec } from "./tensor-codec.ts";
export { fileExists } from "./whole-file.ts";
