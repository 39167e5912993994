// What a policy is, and how one is asked for.
import type { Device } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import type { Kernels } from "../graph/index.ts";
import type { TensorMap, Tuning } from "../qwen/index.ts";
import type { GenerateOptions, GenerateRow, Turn } from "./generate.ts";
import type { ImageInput } from "./images.ts";
import type { Widening } from "./keeping.ts";
import type { Gradient, LearnBatch, LossInputs, TokenScores } from "./learn.ts";
import type { PolicySource } from "./source.ts";
import type { TurnPiece } from "./stream.ts";
import type { Role } from "./threads.ts";

/** How to open a policy. */
export type PolicyOptions = PolicySource & {
  readonly tuning: Tuning;
  /** Threads within one operation. */
  readonly threads: number;
  readonly roles: readonly Role[];
  /**
   * What a backward pass keeps: `none` keeps every activation, `segments` those of a few layers at
   * a time and computes them again, which costs about a third more time. By default `segments` for
   * mapped models.
   */
  readonly recompute?: "none" | "segments";
  /** When mapped weights are widened for sampling; by default as the free memory allows. */
  readonly widening?: Widening;
  /** Where everything runs; the processor by default. */
  readonly device?: Device;
  /**
   * Which operations graphs are written with, by default as the device needs it. The `plain` ones
   * have no loop: a turn is then a run per token.
   */
  readonly kernels?: Kernels;
  /**
   * Writes onnxruntime profiles, one per role, with this file name prefix. Then nobody looks where
   * the nodes of a device ran: the profile says it.
   */
  readonly profile?: string;
};

/** A policy that is ready to run. */
export interface Policy {
  readonly config: ModelConfig;
  readonly tuning: Tuning;
  /** The trainable parameters as they start; calls take a map with the same keys and lengths. */
  readonly trainable: TensorMap;
  /** Image tokens of each image, [tokens, hidden]. */
  vision(parameters: TensorMap, images: readonly ImageInput[]): Promise<readonly Float32Array[]>;
  /** Samples one turn per row. */
  generate(
    parameters: TensorMap,
    rows: readonly GenerateRow[],
    options: GenerateOptions,
  ): Promise<readonly Turn[]>;
  /**
   * Samples one turn piece by piece, as `generate` would as a whole. The first piece is one token,
   * `lengthOf` gives the most tokens of each following one.
   */
  stream(
    parameters: TensorMap,
    row: GenerateRow,
    options: GenerateOptions,
    lengthOf: () => number,
  ): AsyncGenerator<TurnPiece>;
  /** Log-probabilities and entropies of the chosen tokens. */
  logProbs(parameters: TensorMap, batch: LearnBatch): Promise<TokenScores>;
  /** The loss over the chosen tokens and its gradient. */
  gradient(parameters: TensorMap, batch: LearnBatch, loss: LossInputs): Promise<Gradient>;
  close(): Promise<void>;
}
