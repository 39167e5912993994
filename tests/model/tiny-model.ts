// A Qwen2.5-VL small enough for tests, with everything that a large one has: partial windows, a
// full-attention layer, grouped queries, three rotary axes.
import { RandomStream } from "../../events/index.ts";
import type {
  GenerateRow,
  ImageInput,
  ModelConfig,
  Policy,
  Role,
  Sequence,
  TensorMap,
  Tuning,
} from "../../model/index.ts";
import { initialTensors, openPolicy, parseModelConfig } from "../../model/index.ts";

export const tinyConfigJson = {
  model_type: "qwen2_5_vl",
  tie_word_embeddings: true,
  image_token_id: 5,
  video_token_id: 6,
  vision_start_token_id: 3,
  vision_end_token_id: 4,
  hidden_size: 32,
  intermediate_size: 40,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  num_hidden_layers: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  rope_scaling: { type: "mrope", mrope_section: [1, 1, 2] },
  vocab_size: 64,
  vision_config: {
    depth: 2,
    hidden_size: 16,
    intermediate_size: 24,
    num_heads: 2,
    out_hidden_size: 32,
    patch_size: 4,
    temporal_patch_size: 2,
    spatial_merge_size: 2,
    window_size: 16,
    fullatt_block_indexes: [1],
  },
};

export const tinyConfig: ModelConfig = parseModelConfig(tinyConfigJson);
export const sampling = { temperature: 0.8, bannedIds: [0, 3, 4, 5, 6] };
export const lora: Tuning = { type: "lora", rank: 3, alpha: 6, seed: 5 };

export function tinyImage(random: RandomStream, height: number, width: number): ImageInput {
  const { channelCount, temporalPatchSize, patchSize } = tinyConfig.vision;
  const length = height * width * channelCount * temporalPatchSize * patchSize ** 2;
  const pixels = Float32Array.from({ length }, () => random.normal());
  return { hash: `image ${random.uint32()}`, pixels, grid: [1, height, width] };
}

/** Text of `length` tokens with `images` spread through it, after one leading token. */
export function tinySequence(
  random: RandomStream,
  length: number,
  images: readonly ImageInput[] = [],
): Sequence {
  const ids = [1];
  for (const { grid } of images) {
    const tokens = (grid[1] * grid[2]) / tinyConfig.vision.mergeSize ** 2;
    ids.push(3, ...new Array<number>(tokens).fill(5), 4, 7 + random.integer(50));
  }
  while (ids.length < length) ids.push(7 + random.integer(57));
  return { ids, images };
}

export function tinyRow(random: RandomStream, context: Sequence, tokensMax: number): GenerateRow {
  const uniforms = Float32Array.from({ length: tokensMax }, () => random.uniform());
  return { context, tokensMax, uniforms };
}

/** Weights of which none is trivial: norms, biases and adapters all matter. */
export function shaken(tensors: TensorMap, seed: number): Map<string, Float32Array> {
  const random = new RandomStream(seed, "shake");
  return new Map(
    [...tensors].map(([name, values]) => [
      name,
      values.map((value) => value + 0.1 * random.normal()),
    ]),
  );
}

export const tinyTensors = shaken(initialTensors(tinyConfig, 11), 12);

export async function openTiny(
  tuning: Tuning,
  roles: readonly Role[],
  config: ModelConfig = tinyConfig,
  tensors: TensorMap = tinyTensors,
  recompute: "none" | "segments" = "none",
): Promise<Policy> {
  return openPolicy({ config, tensors, tuning, threads: 2, roles, recompute });
}
