// The parameters of Qwen2.5-VL: names and shapes as in the published checkpoints, what is a linear
// layer, and fresh values for a model that starts from nothing.
import { RandomStream } from "../../events/index.ts";
import type { ModelConfig, TextConfig, VisionConfig } from "../config.ts";

/** What a parameter is for, which decides how it starts and whether an adapter may sit on it. */
export type ParameterKind = "norm" | "bias" | "embedding" | "patch" | "linear" | "residual";

/** One tensor of the checkpoint. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
}

/**
 * How a policy is trained: every parameter, low-rank adapters on all linear layers, or not at all.
 * With the scope `language` the vision tower stays as it is; `all` is the default.
 */
export type Tuning = (
  | { readonly type: "none" }
  | { readonly type: "full" }
  | {
      readonly type: "lora";
      readonly rank: number;
      readonly alpha: number;
      readonly seed: number;
    }
) & { readonly scope?: "all" | "language" };

/** Named float32 tensors; the order of keys is the order of the checkpoint. */
export type TensorMap = ReadonlyMap<string, Float32Array>;

/** Every parameter of a model, the tower first, in a fixed order. */
export function modelParameters(config: ModelConfig): readonly Parameter[] {
  return [...visionParameters(config), ...textParameters(config)];
}

/** The parameters that a policy trains: all of them, or its adapters (PEFT's names). */
export function trainableParameters(config: ModelConfig, tuning: Tuning): readonly Parameter[] {
  const tuned = tunedParameters(config, tuning);
  if (tuning.type !== "lora") return tuned;
  return tuned.flatMap(({ name, shape: [outSize = 0, inSize = 0] }) => {
    const { down, up } = adapterNames(name.replace(/\.weight$/, ""));
    return [
      { name: down, shape: [tuning.rank, inSize], kind: "linear" as const },
      { name: up, shape: [outSize, tuning.rank], kind: "linear" as const },
    ];
  });
}

/** The checkpoint's parameters that are trained, or that carry an adapter. */
export function tunedParameters(config: ModelConfig, tuning: Tuning): readonly Parameter[] {
  if (tuning.type === "none") return [];
  const inScope = modelParameters(config).filter(
    ({ name }) => tuning.scope !== "language" || !isVisionName(name),
  );
  return tuning.type === "full" ? inScope : inScope.filter(isLinear);
}

/** Names of the two adapter matrices of a linear layer: `down` is [rank, in], `up` [out, rank]. */
export function adapterNames(layer: string): { readonly down: string; readonly up: string } {
  return { down: `${layer}.lora_A.weight`, up: `${layer}.lora_B.weight` };
}

/** Whether an adapter sits on this parameter. */
export function isLinear({ kind }: Parameter): boolean {
  return kind === "linear" || kind === "residual";
}

/** Whether a parameter (or its adapter) belongs to the vision tower. */
export function isVisionName(name: string): boolean {
  return name.startsWith("visual.");
}

/** The number of elements of a shape. */
export function sizeOfShape(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * Fresh weights for a model trained from nothing: uniform with standard deviation 1 / sqrt(fan-in),
 * layers that write to the residual stream scaled down by sqrt(2 layers), norms 1, biases 0.
 */
export function initialTensors(config: ModelConfig, seed: number): Map<string, Float32Array> {
  const tensors = modelParameters(config).map((parameter) => {
    const random = new RandomStream(seed, "parameter", parameter.name);
    return [parameter.name, initialValues(parameter, config, random)] as const;
  });
  return new Map(tensors);
}

/** Fresh adapters: the down matrix Kaiming uniform, the up matrix zero, so nothing changes yet. */
export function initialAdapters(
  config: ModelConfig,
  tuning: Tuning & { type: "lora" },
): Map<string, Float32Array> {
  const adapters = trainableParameters(config, tuning).map(({ name, shape }) => {
    const values = new Float32Array(sizeOfShape(shape));
    if (name.endsWith("lora_A.weight")) {
      const random = new RandomStream(tuning.seed, "adapter", name);
      // Kaiming uniform with a = sqrt(5), PEFT's default: the bound is 1 / sqrt(fan-in).
      fillUniform(values, 1 / Math.sqrt(shape[1] ?? 1), random);
    }
    return [name, values] as const;
  });
  return new Map(adapters);
}

const embeddingDeviation = 0.08;

function initialValues(
  { name, shape, kind }: Parameter,
  config: ModelConfig,
  random: RandomStream,
): Float32Array {
  const values = new Float32Array(sizeOfShape(shape));
  if (kind === "norm") return values.fill(1);
  if (kind === "bias") return values;
  const fanIn = sizeOfShape(shape.slice(1));
  const layers = isVisionName(name) ? config.vision.layerCount : config.text.layerCount;
  const depth = kind === "residual" ? Math.sqrt(2 * layers) : 1;
  const deviation = kind === "embedding" ? embeddingDeviation : 1 / Math.sqrt(fanIn) / depth;
  fillUniform(values, deviation * Math.sqrt(3), random);
  return values;
}

function fillUniform(values: Float32Array, bound: number, random: RandomStream): void {
  for (let at = 0; at < values.length; at++) values[at] = bound * (2 * random.uniform() - 1);
}

function linear(
  layer: string,
  outSize: number,
  inSize: number,
  options: { readonly bias?: boolean; readonly kind?: ParameterKind } = {},
): Parameter[] {
  const { bias = false, kind = "linear" } = options;
  const weight: Parameter = { name: `${layer}.weight`, shape: [outSize, inSize], kind };
  return bias ? [weight, { name: `${layer}.bias`, shape: [outSize], kind: "bias" }] : [weight];
}

function norm(layer: string, size: number): Parameter {
  return { name: `${layer}.weight`, shape: [size], kind: "norm" };
}

type VisionSizes = Omit<
  VisionConfig,
  "windowSize" | "fullAttentionLayers" | "normEpsilon" | "ropeTheta" | "tokensPerSecond"
>;
type TextSizes = Omit<TextConfig, "normEpsilon" | "ropeTheta" | "ropeSections">;

function visionParameters({ vision }: { readonly vision: VisionSizes }): Parameter[] {
  const { hiddenSize, intermediateSize } = vision;
  const { channelCount, temporalPatchSize, patchSize } = vision;
  const patch = [hiddenSize, channelCount, temporalPatchSize, patchSize, patchSize];
  const bias = true;
  const blocks = Array.from({ length: vision.layerCount }, (_, index) => {
    const layer = `visual.blocks.${index}`;
    return [
      norm(`${layer}.norm1`, hiddenSize),
      norm(`${layer}.norm2`, hiddenSize),
      ...linear(`${layer}.attn.qkv`, 3 * hiddenSize, hiddenSize, { bias }),
      ...linear(`${layer}.attn.proj`, hiddenSize, hiddenSize, { bias, kind: "residual" }),
      ...linear(`${layer}.mlp.gate_proj`, intermediateSize, hiddenSize, { bias }),
      ...linear(`${layer}.mlp.up_proj`, intermediateSize, hiddenSize, { bias }),
      ...linear(`${layer}.mlp.down_proj`, hiddenSize, intermediateSize, { bias, kind: "residual" }),
    ];
  });
  const merged = hiddenSize * vision.mergeSize ** 2;
  return [
    { name: "visual.patch_embed.proj.weight", shape: patch, kind: "patch" },
    ...blocks.flat(),
    norm("visual.merger.ln_q", hiddenSize),
    ...linear("visual.merger.mlp.0", merged, merged, { bias }),
    ...linear("visual.merger.mlp.2", vision.outputSize, merged, { bias }),
  ];
}

function textParameters({ text }: { readonly text: TextSizes }): Parameter[] {
  const { hiddenSize, intermediateSize, headSize } = text;
  const querySize = text.headCount * headSize;
  const keySize = text.keyValueHeadCount * headSize;
  const bias = true;
  const embeddingShape = [text.vocabularySize, hiddenSize];
  const layers = Array.from({ length: text.layerCount }, (_, index) => {
    const layer = `model.layers.${index}`;
    return [
      norm(`${layer}.input_layernorm`, hiddenSize),
      ...linear(`${layer}.self_attn.q_proj`, querySize, hiddenSize, { bias }),
      ...linear(`${layer}.self_attn.k_proj`, keySize, hiddenSize, { bias }),
      ...linear(`${layer}.self_attn.v_proj`, keySize, hiddenSize, { bias }),
      ...linear(`${layer}.self_attn.o_proj`, hiddenSize, querySize, { kind: "residual" }),
      norm(`${layer}.post_attention_layernorm`, hiddenSize),
      ...linear(`${layer}.mlp.gate_proj`, intermediateSize, hiddenSize),
      ...linear(`${layer}.mlp.up_proj`, intermediateSize, hiddenSize),
      ...linear(`${layer}.mlp.down_proj`, hiddenSize, intermediateSize, { kind: "residual" }),
    ];
  });
  const head: Parameter = { name: "lm_head.weight", shape: embeddingShape, kind: "embedding" };
  return [
    { name: "model.embed_tokens.weight", shape: embeddingShape, kind: "embedding" },
    ...layers.flat(),
    norm("model.norm", hiddenSize),
    ...(text.tieEmbeddings ? [] : [head]),
  ];
}

/**
 * The names of trained parameters (all, a part of them, or adapters) in the model's order, without
 * the checkpoint: the layers are counted in the names. Names that no such model has come back as
 * they are, at the end.
 */
export function inModelOrder(names: readonly string[]): string[] {
  const left = new Set(names);
  // Every layer has names of its own: no number that a name states makes more layers than names.
  const layersOf = (pattern: RegExp): number =>
    names.reduce(
      (most, name) =>
        Math.max(most, Math.min(names.length, Number(pattern.exec(name)?.[1] ?? -1) + 1)),
      0,
    );
  const known = namesOfModel(
    layersOf(/^visual\.blocks\.(\d+)\./),
    layersOf(/^model\.layers\.(\d+)\./),
  );
  const ordered = known.filter((name) => left.delete(name));
  return [...ordered, ...left];
}

/** Every name that a parameter or an adapter of a model with so many layers may have, in order. */
function namesOfModel(visionLayers: number, textLayers: number): string[] {
  // Only names are asked for, so every size may be anything.
  const size = 1;
  const sizes = { hiddenSize: size, intermediateSize: size, headCount: size, headSize: size };
  const vision = {
    ...sizes,
    layerCount: visionLayers,
    outputSize: size,
    channelCount: size,
    patchSize: size,
    temporalPatchSize: size,
    mergeSize: size,
  };
  const text = {
    ...sizes,
    layerCount: textLayers,
    keyValueHeadCount: size,
    vocabularySize: size,
    tieEmbeddings: false,
  };
  return [...visionParameters({ vision }), ...textParameters({ text })].flatMap(({ name }) => {
    const { down, up } = adapterNames(name.replace(/\.weight$/, ""));
    return [name, down, up];
  });
}
