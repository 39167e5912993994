// What a policy will need of memory, session by session, computed from sizes alone.
//
// Weights, caches, adapters and optimizer state are counted. Activations are an estimate: the
// tensors that the backward pass reads again, added up layer by layer. Beside the growth of the
// process in six training steps (4 to 9 layers of 512 or 1,024) it was equal to 17 % above.
import type { Device } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import { isMappedBySize } from "../engine/index.ts";
import {
  isVisionName,
  modelParameters,
  type Parameter,
  sizeOfShape,
  type Tuning,
  trainableParameters,
} from "../qwen/index.ts";
import type { ModelPart, PartSize } from "./parts.ts";

const floatBytes = 4;
const visionParts: ReadonlySet<ModelPart> = new Set(["patch embedding", "vision layers", "merger"]);
/** Values, gradient and two moments, float32 each. */
const trainedBytes = 4 * floatBytes;

/** What the session of a role holds. */
export interface SessionWeights {
  readonly role: "vision" | "generate" | "learn";
  readonly parameters: number;
  /** All of them as float32, which is what is computed with. */
  readonly floatBytes: number;
  /** All of them as the checkpoint's files hold them. */
  readonly storedBytes: number;
  /** What stays with the session, by the device that it is opened on. */
  readonly keptBytes: Readonly<Record<Device["type"], number>>;
}

/** What training needs besides weights. */
export interface TrainingMemory {
  readonly trains: string;
  readonly parameters: number;
  /** Values, gradient and both moments of AdamW. */
  readonly bytes: number;
}

/** What a model needs, in bytes. */
export interface ModelMemory {
  /** Frozen weights stay in their files, mapped, because they are more than 2 GiB as float32. */
  readonly mapped: boolean;
  readonly sessions: readonly SessionWeights[];
  /** Keys and values of 1,000 tokens of one row. */
  readonly cacheBytesPer1000: number;
  readonly training: readonly TrainingMemory[];
  /** An estimate: what the backward pass of one row of so many tokens keeps at its peak. */
  readonly activations: {
    readonly tokens: number;
    /** Every activation is kept (`learner.recompute = false`). */
    readonly kept: number;
    /** A few layers' at a time are kept and computed again (`learner.recompute = true`). */
    readonly recomputed: number;
  };
}

/** How the memory of training is told: a rank and a length that people begin with. */
export const exampleRank = 16;
export const exampleTokens = 1_024;

/** Adds up what a model needs; `parts` are its parameters as the checkpoint holds them. */
export function modelMemory(config: ModelConfig, parts: readonly PartSize[]): ModelMemory {
  const parameters = modelParameters(config);
  const count = (some: readonly Parameter[]) =>
    some.reduce((sum, { shape }) => sum + sizeOfShape(shape), 0);
  const vision = count(parameters.filter(({ name }) => isVisionName(name)));
  const language = count(parameters) - vision;
  const mapped = isMappedBySize(config);
  const stored = (isVision: boolean) =>
    parts
      .filter(({ part }) => visionParts.has(part) === isVision)
      .reduce((sum, { bytes }) => sum + bytes, 0);
  const session = (role: SessionWeights["role"], size: number): SessionWeights => {
    const widened = floatBytes * size;
    const storedBytes = stored(role === "vision");
    // Small models are widened when they are opened; WebGPU has no type as short as the files'.
    const kept = mapped ? storedBytes : widened;
    const keptBytes = { cpu: kept, cuda: kept, webgpu: widened };
    return { role, parameters: size, floatBytes: widened, storedBytes, keptBytes };
  };
  const { layerCount, keyValueHeadCount, headSize } = config.text;
  const training = (trains: string, tuning: Tuning): TrainingMemory => {
    const trained = count(trainableParameters(config, tuning));
    return { trains, parameters: trained, bytes: trainedBytes * trained };
  };
  const lora = { type: "lora", rank: exampleRank, alpha: exampleRank, seed: 0 } as const;
  return {
    mapped,
    sessions: [
      session("vision", vision),
      session("generate", language),
      session("learn", language),
    ],
    cacheBytesPer1000: 1_000 * 2 * layerCount * keyValueHeadCount * headSize * floatBytes,
    training: [
      training(`adapters of rank ${exampleRank}, language model`, { ...lora, scope: "language" }),
      training(`adapters of rank ${exampleRank}, with the tower`, lora),
      training("all parameters of the language model", { type: "full", scope: "language" }),
      training("all parameters", { type: "full" }),
    ],
    activations: activationBytes(config, exampleTokens),
  };
}

/** The backward pass over one row of `tokens` tokens of the language model, all of them scored. */
function activationBytes({ text }: ModelConfig, tokens: number): ModelMemory["activations"] {
  const querySize = text.headCount * text.headSize;
  const keySize = text.keyValueHeadCount * text.headSize;
  // Per token and layer: the residual stream twice and normed twice; queries, keys and values as
  // projected, rotated and cut into heads; scores and their softmax; the mix before and after its
  // projection; gate, its sigmoid, up and their product.
  const layer =
    5 * text.hiddenSize +
    4 * querySize +
    5 * keySize +
    2 * text.headCount * tokens +
    5 * text.intermediateSize;
  // Logits, their log-softmax and their gradient.
  const head = 3 * text.vocabularySize;
  const segment = Math.max(1, Math.round(Math.sqrt(text.layerCount)));
  const states = Math.ceil(text.layerCount / segment) * text.hiddenSize;
  return {
    tokens,
    kept: floatBytes * tokens * (text.layerCount * layer + head),
    recomputed: floatBytes * tokens * (states + segment * layer + head),
  };
}
