// Models to measure: the sizes of the quick start's checkpoint, and sizes in which the matrix
// products are those of a real one. Only sizes matter to speed, so the weights are noise.
import { RandomStream } from "../../events/index.ts";
import { type ModelConfig, modelParameters, parseModelConfig } from "../../model/index.ts";

const tower = {
  depth: 1,
  hidden_size: 96,
  intermediate_size: 192,
  num_heads: 3,
  patch_size: 14,
  fullatt_block_indexes: [0],
};

const common = {
  model_type: "qwen2_5_vl",
  tie_word_embeddings: true,
  image_token_id: 5,
  video_token_id: 6,
  vision_start_token_id: 3,
  vision_end_token_id: 4,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
};

/** As `models/tiny`. */
export const tinySize: ModelConfig = parseModelConfig({
  ...common,
  hidden_size: 96,
  intermediate_size: 256,
  num_attention_heads: 3,
  num_key_value_heads: 1,
  num_hidden_layers: 3,
  rope_scaling: { mrope_section: [4, 6, 6] },
  vocab_size: 720,
  vision_config: { ...tower, out_hidden_size: 96 },
});

/** Half the width of Qwen2.5-VL-3B, two of its layers, and a small vocabulary. */
export const midSize: ModelConfig = parseModelConfig({
  ...common,
  hidden_size: 1_024,
  intermediate_size: 2_816,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  num_hidden_layers: 2,
  rope_scaling: { mrope_section: [16, 24, 24] },
  vocab_size: 8_192,
  vision_config: { ...tower, out_hidden_size: 1_024 },
});

const noiseLength = 65_521;

/** Weights of a size: the same noise again and again, which costs no time to draw. */
export function noiseTensors(config: ModelConfig): Map<string, Float32Array> {
  const random = new RandomStream("bench", "weights");
  const noise = Float32Array.from({ length: noiseLength }, () => 0.02 * random.normal());
  return new Map(
    modelParameters(config).map(({ name, shape, kind }) => {
      const length = shape.reduce((product, size) => product * size, 1);
      const values = new Float32Array(length);
      if (kind === "norm") values.fill(1);
      else if (kind !== "bias") {
        for (let at = 0; at < length; at += noiseLength) {
          values.set(noise.subarray(0, Math.min(noiseLength, length - at)), at);
        }
      }
      return [name, values];
    }),
  );
}

export interface BatchShape {
  readonly rows: number;
  /** Tokens of a row. */
  readonly length: number;
  /** Tokens of a row that carry loss. */
  readonly chosen: number;
}

type Product = readonly [from: number, to: number];

/** The products of a layer's weights; `first` are those whose input is the layer's own. */
function layerProducts({ text }: ModelConfig) {
  const { hiddenSize: width, intermediateSize, headSize, keyValueHeadCount } = text;
  const keyValues = keyValueHeadCount * headSize;
  const queries = text.headCount * headSize;
  const first: readonly Product[] = [
    [width, queries],
    [width, keyValues],
    [width, keyValues],
  ];
  const rest: readonly Product[] = [
    [queries, width],
    [width, intermediateSize],
    [width, intermediateSize],
    [intermediateSize, width],
  ];
  return { first, all: [...first, ...rest], queries };
}

const sumOf = (pairs: readonly Product[], operations: (pair: Product) => number) =>
  pairs.reduce((sum, pair) => sum + operations(pair), 0);
const ofWeights = (pairs: readonly Product[]) => sumOf(pairs, ([from, to]) => 2 * from * to);
const ofAdapters = (pairs: readonly Product[], rank: number | null) =>
  rank === null ? 0 : sumOf(pairs, ([from, to]) => 2 * rank * (from + to));

/**
 * Floating-point operations of one gradient, a multiplication and an addition being two. A backward
 * pass costs the forward pass twice where weights are trained, once where only adapters are: the
 * gradients of inputs, which nobody wants below the first layer.
 */
export function gradientOperations(
  config: ModelConfig,
  { rows, length, chosen }: BatchShape,
  rank: number | null,
): number {
  const { text } = config;
  const { first, all, queries } = layerProducts(config);
  const passes = rank === null ? 3 : 2;
  const perLayer = passes * ofWeights(all) + 3 * ofAdapters(all, rank);
  const perToken = text.layerCount * perLayer - (rank === null ? 0 : ofWeights(first));
  const attention = 3 * text.layerCount * 4 * length * queries;
  const head = passes * 2 * text.hiddenSize * text.vocabularySize;
  return rows * (length * (perToken + attention) + chosen * head);
}

/** The same where activations are kept by segment: the layers' forward pass runs twice. */
export function segmentedOperations(
  config: ModelConfig,
  shape: BatchShape,
  rank: number | null,
): number {
  const { all, queries } = layerProducts(config);
  const perToken = ofWeights(all) + ofAdapters(all, rank) + 4 * shape.length * queries;
  const again = shape.rows * shape.length * config.text.layerCount * perToken;
  return gradientOperations(config, shape, rank) + again;
}
