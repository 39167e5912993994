// A checkpoint folder small enough for tests and whole enough for every command: weights by
// formula, the tokenizer of the input tests, adapters that a few steps of AdamW have trained.
import {
  adamStep,
  type CheckpointContent,
  initialAdamState,
  type LearnRow,
  modelParameters,
  openPolicy,
  type Policy,
  parseModelConfig,
  type Tensor,
  type TensorMap,
  type Tuning,
  trainableParameters,
} from "../../model/index.ts";
import { qwenChatTemplate } from "../../model/input/index.ts";
import { spread, uniforms, weightOf } from "../model/parity/formula.ts";
import { tinyConfigJson } from "../model/tiny-model.ts";
import {
  smallTokenizer,
  smallTokenizerConfig,
  smallTokenizerJson,
} from "../model-input/small-tokenizer.ts";

const tokenizer = smallTokenizer();

export const smallConfigJson = {
  ...tinyConfigJson,
  architectures: ["Qwen2_5_VLForConditionalGeneration"],
  intermediate_size: 48,
  vocab_size: 16 * Math.ceil(tokenizer.vocabularySize / 16),
  max_position_embeddings: 512,
  hidden_act: "silu",
  torch_dtype: "float32",
  bos_token_id: null,
  eos_token_id: tokenizer.endOfTurnId,
  image_token_id: tokenizer.id("<|image_pad|>"),
  video_token_id: tokenizer.id("<|video_pad|>"),
  vision_start_token_id: tokenizer.id("<|vision_start|>"),
  vision_end_token_id: tokenizer.id("<|vision_end|>"),
  vision_config: {
    ...tinyConfigJson.vision_config,
    model_type: "qwen2_5_vl",
    hidden_act: "silu",
    hidden_size: 32,
    intermediate_size: 40,
    in_chans: 3,
    patch_size: 14,
    window_size: 56,
    tokens_per_second: 2,
  },
};

export const smallConfig = parseModelConfig(smallConfigJson);

/** The content of the folder. */
export function smallContent(changes: Partial<CheckpointContent> = {}): CheckpointContent {
  const tensors = modelParameters(smallConfig).map(
    (one) => [one.name, { shape: one.shape, data: weightOf(one) }] as const,
  );
  return {
    config: smallConfigJson,
    tensors: new Map(tensors),
    tokenizerJson: smallTokenizerJson(),
    tokenizerConfig: smallTokenizerConfig,
    preprocessor: { patch_size: 14, min_pixels: 56 * 56, max_pixels: 112 * 112 },
    generationConfig: { eos_token_id: tokenizer.endOfTurnId },
    chatTemplate: qwenChatTemplate,
    dtype: "F32",
    ...changes,
  };
}

/** One text, and one image of 4 by 6 patches between words. Every token but the first is chosen. */
export function smallRows(): readonly LearnRow[] {
  const grid = [1, 4, 6] as const;
  const size = 24 * 3 * 2 * 14 ** 2;
  const pixels = spread("peft pixels", size, 0, 2);
  const { tokens } = smallConfig;
  const image = new Array<number>(6).fill(tokens.image);
  const text = (name: string, count: number) =>
    Array.from(uniforms(name, count), (value) => 130 + Math.floor(120 * value));
  const rows = [
    { ids: text("peft text", 14), images: [] },
    {
      ids: [
        ...text("peft before", 3),
        ...[tokens.visionStart, ...image, tokens.visionEnd],
        ...text("peft after", 7),
      ],
      images: [{ hash: "peft", pixels, grid }],
    },
  ];
  return rows.map((row) => ({ ...row, chosen: row.ids.slice(1).map((_, index) => index + 1) }));
}

export const smallTuning = { type: "lora", rank: 3, alpha: 7, seed: 5, scope: "all" } as const;

/** `smallRows` as one batch. */
function smallBatch() {
  return { rows: smallRows(), sampling: { temperature: 1, bannedIds: [] } };
}

/** Runs `use` with the checkpoint in `directory` open for learning. */
async function withPolicy<T>(
  directory: string,
  tuning: Tuning,
  use: (policy: Policy) => Promise<T>,
): Promise<T> {
  const policy = await openPolicy({ directory, tuning, threads: 1, roles: ["vision", "learn"] });
  try {
    return await use(policy);
  } finally {
    await policy.close();
  }
}

/** Adapters after a few steps towards `smallRows` on the checkpoint in `directory`. */
export async function trainAdapters(directory: string, tuning: Tuning): Promise<TensorMap> {
  const settings = {
    learningRate: 0.03,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    gradientNormMax: 1,
  };
  const batch = smallBatch();
  const count = batch.rows.reduce((sum, { chosen }) => sum + chosen.length, 0);
  const weights = new Float32Array(count).fill(1);
  const loss = { normalizer: count, crossEntropy: { weights } };
  return withPolicy(directory, tuning, async (policy) => {
    let parameters = policy.trainable;
    let state = initialAdamState(parameters);
    for (let step = 0; step < 3; step++) {
      const { gradients } = await policy.gradient(parameters, batch, loss);
      ({ parameters, state } = adamStep(parameters, gradients, state, settings));
    }
    return parameters;
  });
}

/** Log-probabilities and entropies of `smallRows`. */
export async function scoresOf(directory: string, tuning: Tuning, parameters?: TensorMap) {
  return withPolicy(directory, tuning, (policy) =>
    policy.logProbs(parameters ?? policy.trainable, smallBatch()),
  );
}

/** Trained values with their shapes. */
export function adapterTensors(values: TensorMap, tuning: Tuning): ReadonlyMap<string, Tensor> {
  return new Map(
    trainableParameters(smallConfig, tuning).map(({ name, shape }) => [
      name,
      { shape, data: values.get(name) ?? new Float32Array() },
    ]),
  );
}
