// A Qwen2.5-VL-shaped checkpoint of a chosen size with fresh weights: the folder's files without
// the training. Its tokenizer is merged from the words of the lessons; its chat template has no
// system message, so that short prompts stay short.
import {
  bareChatTemplate,
  buildTokenizer,
  type CheckpointContent,
  createTokenizer,
  initialTensors,
  type ModelConfig,
  modelParameters,
  type Preprocessor,
  parseModelConfig,
  type Tokenizer,
} from "../../../model/index.ts";
import { controlTokens, splitPattern, tagTokens, vocabularyCorpus } from "../../../tasks/index.ts";

/** Sizes of a fresh checkpoint. */
export interface FreshSettings {
  readonly seed: number;
  readonly dtype: CheckpointContent["dtype"];
  readonly tokenizer: { readonly merges: number };
  readonly model: {
    readonly text: {
      readonly hiddenSize: number;
      readonly intermediateSize: number;
      readonly layers: number;
      readonly heads: number;
      readonly keyValueHeads: number;
      readonly ropeTheta: number;
      readonly ropeSections: readonly [number, number, number];
    };
    readonly vision: {
      readonly hiddenSize: number;
      readonly intermediateSize: number;
      readonly layers: number;
      readonly heads: number;
      readonly windowPixels: number;
      readonly fullAttentionLayers: readonly number[];
      readonly imagePixelsMin: number;
      readonly imagePixelsMax: number;
    };
  };
}

/** A fresh checkpoint, and its parts ready to use. */
export interface FreshCheckpoint {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly preprocessor: Preprocessor;
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** The folder's content with these weights instead of the fresh ones. */
  content(tensors: ReadonlyMap<string, Float32Array>): CheckpointContent;
}

const patchSize = 14;
const mergeSize = 2;
const temporalPatchSize = 2;
const contextTokensMax = 1_024;
/** The vocabulary is rounded up to a multiple, as published checkpoints do. */
const vocabularyMultiple = 16;

/** Builds the tokenizer and draws the weights. A pure function of `settings`. */
export function freshCheckpoint(settings: FreshSettings): FreshCheckpoint {
  const tokenizerJson = buildTokenizer({
    corpus: vocabularyCorpus(),
    specialTokens: controlTokens,
    addedTokens: tagTokens,
    splitPattern,
    merges: settings.tokenizer.merges,
  });
  const tokenizerConfig = {
    tokenizer_class: "Qwen2Tokenizer",
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    model_max_length: contextTokensMax,
  };
  const tokenizer = createTokenizer({
    tokenizerJson,
    tokenizerConfig,
    chatTemplate: bareChatTemplate,
  });
  const configJson = configOf(settings, tokenizer);
  const config = parseModelConfig(configJson, "config.json");
  const shapes = new Map(modelParameters(config).map(({ name, shape }) => [name, shape]));
  const preprocessor = preprocessorOf(settings);
  return {
    config,
    tokenizer,
    preprocessor,
    tensors: initialTensors(config, settings.seed),
    content: (tensors) => ({
      config: configJson,
      tensors: new Map(
        [...tensors].map(([name, data]) => [name, { shape: shapes.get(name) ?? [], data }]),
      ),
      tokenizerJson,
      tokenizerConfig,
      preprocessor: preprocessorFileOf(preprocessor),
      generationConfig: { eos_token_id: tokenizer.endOfTurnId, pad_token_id: tokenizer.padId },
      chatTemplate: bareChatTemplate,
      dtype: settings.dtype,
    }),
  };
}

function configOf({ model, dtype }: FreshSettings, tokenizer: Tokenizer) {
  const { text, vision } = model;
  const multiple = vocabularyMultiple;
  return {
    architectures: ["Qwen2_5_VLForConditionalGeneration"],
    model_type: "qwen2_5_vl",
    hidden_size: text.hiddenSize,
    intermediate_size: text.intermediateSize,
    num_hidden_layers: text.layers,
    num_attention_heads: text.heads,
    num_key_value_heads: text.keyValueHeads,
    vocab_size: Math.ceil(tokenizer.vocabularySize / multiple) * multiple,
    max_position_embeddings: contextTokensMax,
    hidden_act: "silu",
    rms_norm_eps: 1e-6,
    rope_theta: text.ropeTheta,
    rope_scaling: { type: "mrope", mrope_section: text.ropeSections },
    tie_word_embeddings: true,
    torch_dtype: dtype === "BF16" ? "bfloat16" : "float32",
    eos_token_id: tokenizer.endOfTurnId,
    image_token_id: tokenizer.id("<|image_pad|>"),
    video_token_id: tokenizer.id("<|video_pad|>"),
    vision_start_token_id: tokenizer.id("<|vision_start|>"),
    vision_end_token_id: tokenizer.id("<|vision_end|>"),
    vision_config: {
      model_type: "qwen2_5_vl",
      depth: vision.layers,
      hidden_act: "silu",
      hidden_size: vision.hiddenSize,
      intermediate_size: vision.intermediateSize,
      num_heads: vision.heads,
      in_chans: 3,
      out_hidden_size: text.hiddenSize,
      patch_size: patchSize,
      spatial_merge_size: mergeSize,
      temporal_patch_size: temporalPatchSize,
      window_size: vision.windowPixels,
      fullatt_block_indexes: vision.fullAttentionLayers,
      tokens_per_second: 2,
    },
  };
}

/** Qwen2-VL's constants (CLIP's mean and deviation), with the config's pixel limits. */
function preprocessorOf({ model: { vision } }: FreshSettings): Preprocessor {
  return {
    patchSize,
    mergeSize,
    temporalPatchSize,
    pixelsMin: vision.imagePixelsMin,
    pixelsMax: vision.imagePixelsMax,
    rescaleFactor: 1 / 255,
    mean: [0.48145466, 0.4578275, 0.40821073],
    deviation: [0.26862954, 0.26130258, 0.27577711],
  };
}

function preprocessorFileOf(preprocessor: Preprocessor) {
  return {
    image_processor_type: "Qwen2VLImageProcessor",
    processor_class: "Qwen2_5_VLProcessor",
    do_convert_rgb: true,
    do_resize: true,
    do_rescale: true,
    do_normalize: true,
    min_pixels: preprocessor.pixelsMin,
    max_pixels: preprocessor.pixelsMax,
    patch_size: preprocessor.patchSize,
    temporal_patch_size: preprocessor.temporalPatchSize,
    merge_size: preprocessor.mergeSize,
    resample: 3,
    rescale_factor: preprocessor.rescaleFactor,
    image_mean: preprocessor.mean,
    image_std: preprocessor.deviation,
  };
}
