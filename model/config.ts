// What a checkpoint's `config.json` says about the network. Sizes live here and nowhere else, so a
// folder with larger numbers runs through the same code.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ensureError } from "../events/index.ts";
import { ModelConfigError } from "./errors.ts";
import { fileExists } from "./whole-file.ts";

/**
 * Sizes of the language model. Counts are whole numbers, `hiddenSize` is headCount * headSize,
 * `ropeSections` sums to headSize / 2.
 */
export interface TextConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly keyValueHeadCount: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  /** How many rotary frequencies follow the time, height and width positions, in that order. */
  readonly ropeSections: readonly [number, number, number];
  /** True when `lm_head.weight` is `model.embed_tokens.weight`. */
  readonly tieEmbeddings: boolean;
}

/** Sizes of the vision tower. `windowSize` is in pixels. */
export interface VisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly headSize: number;
  readonly outputSize: number;
  readonly channelCount: number;
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly mergeSize: number;
  readonly windowSize: number;
  readonly fullAttentionLayers: readonly number[];
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  readonly tokensPerSecond: number;
}

/** Token ids that the model's code must know by name. */
export interface TokenIds {
  readonly image: number;
  readonly video: number;
  readonly visionStart: number;
  readonly visionEnd: number;
}

/** Everything the graphs need to know about a checkpoint. */
export interface ModelConfig {
  readonly text: TextConfig;
  readonly vision: VisionConfig;
  readonly tokens: TokenIds;
}

const count = z.number().int().positive();
const tokenId = z.number().int().nonnegative();
const silu = z.literal("silu").default("silu");

/**
 * The tower's rotary base and norm epsilon are constants of the architecture. Newer tools write the
 * base into the file, where transformers reads it since version 5 and others do not.
 */
const visionRopeTheta = 10_000;
const visionNormEpsilon = 1e-6;
const textRopeThetaDefault = 1_000_000;

const visionSchema = z.object({
  depth: count,
  hidden_act: silu,
  hidden_size: count,
  intermediate_size: count,
  num_heads: count,
  in_chans: count.optional(),
  in_channels: count.optional(),
  out_hidden_size: count,
  patch_size: count,
  spatial_merge_size: count.default(2),
  window_size: count.default(112),
  fullatt_block_indexes: z.array(z.number().int().nonnegative()),
  tokens_per_second: z.number().positive().default(2),
  temporal_patch_size: count.default(2),
  rope_parameters: z.object({ rope_theta: z.literal(visionRopeTheta).optional() }).nullish(),
});

// Other kinds, such as yarn, turn the same positions into other angles.
const ropeType = z.enum(["mrope", "default"]).optional();
const ropeSchema = z.object({
  type: ropeType,
  rope_type: ropeType,
  mrope_section: z.tuple([count, count, count]),
  rope_theta: z.number().positive().optional(),
});

const textSchema = z.object({
  hidden_act: silu,
  hidden_size: count,
  intermediate_size: count,
  num_attention_heads: count,
  num_hidden_layers: count,
  num_key_value_heads: count,
  head_dim: count.nullish(),
  // As transformers has it; published files always say theirs, 1e-6.
  rms_norm_eps: z.number().positive().default(1e-5),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.optional(),
  rope_parameters: ropeSchema.optional(),
  vocab_size: count,
  use_sliding_window: z.literal(false).nullish(),
  layer_types: z.array(z.literal("full_attention")).nullish(),
});

const headerSchema = z.object({
  tie_word_embeddings: z.boolean().default(false),
  image_token_id: tokenId,
  video_token_id: tokenId,
  vision_start_token_id: tokenId,
  vision_end_token_id: tokenId,
  vision_config: visionSchema,
  text_config: z.record(z.string(), z.unknown()).optional(),
  quantization_config: z.null("quantised weights are not read").optional(),
});

const architectureSchema = z.looseObject({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
});

/** The one architecture, by its `model_type`, and the class that transformers has for it. */
const architecture = "qwen2_5_vl";
const architectureClass = "Qwen2_5_VLForConditionalGeneration";

/**
 * Parses the JSON value of a `config.json` of Qwen2.5-VL. Text settings may stand at the top level
 * (as published) or under `text_config` (as newer tools write them).
 */
export function parseModelConfig(json: unknown, source = "config.json"): ModelConfig {
  requireArchitecture(json, source);
  const header = parse(headerSchema, json, source);
  const textJson = { ...(json as Record<string, unknown>), ...header.text_config };
  const text = textConfig(parse(textSchema, textJson, source), textJson, header, source);
  const vision = visionConfig(header.vision_config);
  const tokens: TokenIds = {
    image: header.image_token_id,
    video: header.video_token_id,
    visionStart: header.vision_start_token_id,
    visionEnd: header.vision_end_token_id,
  };
  const [contradiction] = contradictions({ text, vision, tokens });
  if (contradiction !== undefined) throw new ModelConfigError(source, contradiction);
  return { text, vision, tokens };
}

/** Reads `config.json` of a checkpoint folder. */
export async function readConfig(directory: string): Promise<ModelConfig> {
  const file = join(directory, "config.json");
  const json = await readFile(file, "utf8")
    .then((text): unknown => JSON.parse(text))
    .catch(async (error: unknown) => {
      const isAdapter = await fileExists(join(directory, "adapter_config.json"));
      const mend = isAdapter
        ? "; this folder is an adapter, name the checkpoint it belongs to"
        : "";
      const what = `cannot be read: ${ensureError(error).message}${mend}`;
      throw new ModelConfigError(file, what, { cause: error });
    });
  return parseModelConfig(json, file);
}

function requireArchitecture(json: unknown, source: string): void {
  const { model_type: found, architectures } = parse(architectureSchema, json, source);
  if (found === architecture) return;
  const only = `only ${architecture} (${architectureClass}) is supported`;
  if (found === undefined) throw new ModelConfigError(source, `key model_type is missing; ${only}`);
  const classes = architectures?.length ? ` (${architectures.join(", ")})` : "";
  throw new ModelConfigError(source, `key model_type: "${found}"${classes}; ${only}`);
}

/** What sizes must be to each other, and are not, by the keys of the file. */
function contradictions({ text, vision, tokens }: ModelConfig): readonly string[] {
  const windowUnits = Math.floor(vision.windowSize / vision.mergeSize / vision.patchSize);
  const rules: readonly (readonly [isKept: boolean, rule: string])[] = [
    [
      text.headCount % text.keyValueHeadCount === 0,
      "num_attention_heads must be a multiple of num_key_value_heads",
    ],
    [
      text.ropeSections.reduce((sum, part) => sum + part, 0) * 2 === text.headSize,
      "rope_scaling.mrope_section must sum to half of hidden_size / num_attention_heads",
    ],
    [
      Number.isInteger(vision.headSize / 4),
      "vision_config.hidden_size must be num_heads times a multiple of 4",
    ],
    [
      vision.outputSize === text.hiddenSize,
      "vision_config.out_hidden_size must equal the text's hidden_size",
    ],
    [
      windowUnits > 0,
      "vision_config.window_size must be at least spatial_merge_size times patch_size",
    ],
    [
      Object.values(tokens).every((id) => id < text.vocabularySize),
      "a special token id (image_token_id and its like) lies outside vocab_size",
    ],
  ];
  return rules.flatMap(([isKept, rule]) => (isKept ? [] : [`key ${rule}`]));
}

function textConfig(
  text: z.infer<typeof textSchema>,
  textJson: Record<string, unknown>,
  header: z.infer<typeof headerSchema>,
  source: string,
): TextConfig {
  const rope = text.rope_scaling ?? text.rope_parameters;
  if (rope === undefined)
    throw new ModelConfigError(source, "key rope_scaling.mrope_section is missing");
  const headSize = headSizeOf(text, source);
  const thetas = new Set([text.rope_theta, rope.rope_theta].filter((one) => one !== undefined));
  if (thetas.size > 1) {
    const said = `key rope_theta: ${text.rope_theta}, but ${rope.rope_theta} beside mrope_section`;
    throw new ModelConfigError(source, `${said}; mend the one that is wrong`);
  }
  const [ropeTheta = textRopeThetaDefault] = thetas;
  return {
    hiddenSize: text.hidden_size,
    intermediateSize: text.intermediate_size,
    layerCount: text.num_hidden_layers,
    headCount: text.num_attention_heads,
    keyValueHeadCount: text.num_key_value_heads,
    headSize,
    vocabularySize: text.vocab_size,
    normEpsilon: text.rms_norm_eps,
    ropeTheta,
    ropeSections: rope.mrope_section,
    // Either place counts, as in transformers: tools write one, the other or both.
    tieEmbeddings: header.tie_word_embeddings || textJson["tie_word_embeddings"] === true,
  };
}

/**
 * The layers of transformers' Qwen2.5-VL do not read `head_dim`, though its rotary angles do: a
 * file that asks for another size than the layers have is of no model that could have been trained.
 */
function headSizeOf(text: z.infer<typeof textSchema>, source: string): number {
  const { hidden_size: width, num_attention_heads: heads, head_dim: told } = text;
  const size = width / heads;
  const fail = (what: string) => {
    throw new ModelConfigError(source, what);
  };
  if (!Number.isInteger(size)) fail("key hidden_size must be a multiple of num_attention_heads");
  if ((told ?? size) !== size)
    fail(
      `key head_dim: ${told}, but in this architecture it is hidden_size / num_attention_heads = ` +
        `${size}; mend the key that is wrong`,
    );
  return size;
}

function visionConfig(vision: z.infer<typeof visionSchema>): VisionConfig {
  return {
    hiddenSize: vision.hidden_size,
    intermediateSize: vision.intermediate_size,
    layerCount: vision.depth,
    headCount: vision.num_heads,
    headSize: vision.hidden_size / vision.num_heads,
    outputSize: vision.out_hidden_size,
    channelCount: vision.in_chans ?? vision.in_channels ?? 3,
    patchSize: vision.patch_size,
    temporalPatchSize: vision.temporal_patch_size,
    mergeSize: vision.spatial_merge_size,
    windowSize: vision.window_size,
    fullAttentionLayers: vision.fullatt_block_indexes,
    normEpsilon: visionNormEpsilon,
    ropeTheta: visionRopeTheta,
    tokensPerSecond: vision.tokens_per_second,
  };
}

function parse<T>(schema: z.ZodType<T>, json: unknown, source: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => {
    return `key ${path.map(String).join(".") || "(top level)"}: ${message}`;
  });
  throw new ModelConfigError(source, faults.join("; "));
}
