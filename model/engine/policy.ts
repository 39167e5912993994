// The policy as a set of pure calls: every call is given the trainable parameters and returns
// values; nothing is kept between calls but weights that never change and encoded images.
//   P1. One onnxruntime session per role (vision, generate, learn): sizes pad, nothing is rebuilt.
//   P2. An image is encoded once per (image, vision parameters).
import { freemem } from "node:os";
import { assert, cpuDevice, type Device } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import { Graph, type Kernels } from "../graph/index.ts";
import type { SegmentedGraph, StepGraph, TensorMap, Tuning } from "../qwen/index.ts";
import {
  generateOutputs,
  learnOutputs,
  resumableOutputs,
  segmentedOutputs,
  stepOutputs,
  visionTokens,
  Weights,
} from "../qwen/index.ts";
import type { GenerateOptions, GenerateRow, Turn } from "./generate.ts";
import { runGenerate } from "./generate.ts";
import { ImageEncoder } from "./image-encoder.ts";
import type { ImageInput } from "./images.ts";
import { keepingOf, type Widening } from "./keeping.ts";
import type { Gradient, LearnBatch, LossInputs, TokenScores } from "./learn.ts";
import { runGradient, runLogProbs } from "./learn.ts";
import type { PolicyParts } from "./parts.ts";
import { parameterFeeds } from "./parts.ts";
import { RopeTable } from "./rope.ts";
import { SegmentedRunner } from "./segments.ts";
import { Session } from "./session.ts";
import type { PolicySource } from "./source.ts";
import { openSource } from "./source.ts";
import { StepRunner } from "./steps.ts";
import type { TurnPiece } from "./stream.ts";
import { streamTurn } from "./stream.ts";
import { type Role, threadsOf } from "./threads.ts";

/** How to open a policy. */
export type PolicyOptions = PolicySource & {
  readonly tuning: Tuning;
  /** Threads within one operation. */
  readonly threads: number;
  readonly roles: readonly Role[];
  /**
   * What a backward pass keeps: `none` keeps every activation, `segments` those of a few layers at
   * a time and computes them again, which costs about a third more time.
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
  /** Writes onnxruntime profiles, one per role, with this file name prefix. */
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

type Outputs = SegmentedGraph | StepGraph | Pick<SegmentedGraph, "outputs">;

const kernelsOf = { cpu: "every", cuda: "fused", webgpu: "plain" } as const;

/** Opens a policy: builds the graphs of its roles and loads the weights. */
export async function openPolicy(options: PolicyOptions): Promise<Policy> {
  const { tuning, threads, roles, device = cpuDevice } = options;
  const kernels = options.kernels ?? kernelsOf[device.type];
  const isPlain = kernels === "plain";
  const source = await openSource(options, tuning);
  const { config } = source;
  const freeBytes = freemem();
  const open = async (role: Role, outputsOf: (weights: Weights) => Outputs) => {
    if (!roles.includes(role)) return undefined;
    const graph = new Graph("float32", kernels);
    const weights = new Weights(graph, config, tuning, source.frozen);
    const profile = options.profile === undefined ? undefined : `${options.profile}-${role}`;
    const { directory } = source;
    // WebGPU has no bfloat16: what is stored so is widened when the model loads, by the processor.
    const mapped = source.mapped && device.type !== "webgpu";
    const outputs = outputsOf(weights);
    const count = threadsOf(role, config, tuning, threads);
    const keeping = keepingOf(role, config, { mapped, widening: options.widening, freeBytes });
    const settings = { threads: count, directory, mapped, profile, keeping, device };
    if ("cacheNames" in outputs) {
      const location = device.type === "webgpu" ? "gpu-buffer" : "cpu";
      return StepRunner.open(outputs, config, location, settings);
    }
    return "stages" in outputs
      ? SegmentedRunner.open(outputs, config, settings)
      : Session.open(outputs.outputs, settings);
  };
  const sessions = {
    vision: await open("vision", (weights) => ({ outputs: { imageRows: visionTokens(weights) } })),
    generate: await open("generate", (weights) =>
      isPlain ? stepOutputs(weights) : { outputs: generateOutputs(weights) },
    ),
    stream: await open("stream", (weights) =>
      isPlain ? stepOutputs(weights) : { outputs: resumableOutputs(weights) },
    ),
    learn: await open("learn", (weights) =>
      options.recompute === "segments"
        ? segmentedOutputs(weights)
        : { outputs: learnOutputs(weights) },
    ),
  };
  const encoder = new ImageEncoder(config, tuning, sessions.vision);
  const rope = new RopeTable(config);
  const partsFor = (role: Exclude<Role, "vision">, parameters: TensorMap): PolicyParts => {
    const session = sessions[role];
    assert(session !== undefined, `the policy was opened without the role ${role}`);
    return {
      config,
      rope,
      encoder,
      session,
      parameters: parameterFeeds(config, tuning, parameters),
    };
  };
  return {
    config,
    tuning,
    trainable: source.trainable,
    vision: (parameters, images) => encoder.encode(parameters, images),
    generate: (parameters, rows, settings) =>
      runGenerate(partsFor("generate", parameters), parameters, rows, settings),
    stream: (parameters, row, settings, lengthOf) =>
      streamTurn(partsFor("stream", parameters), parameters, row, settings, lengthOf),
    logProbs: (parameters, batch) => runLogProbs(partsFor("learn", parameters), parameters, batch),
    gradient: (parameters, batch, loss) =>
      runGradient(partsFor("learn", parameters), parameters, batch, loss),
    close: async () => {
      for (const session of Object.values(sessions)) await session?.close();
    },
  };
}
