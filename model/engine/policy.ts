// The policy as a set of pure calls: every call is given the trainable parameters and returns
// values; nothing is kept between calls but weights that never change and encoded images.
//   P1. One onnxruntime session per role (vision, generate, learn): sizes pad, nothing is rebuilt.
//   P2. An image is encoded once per (image, vision parameters).
import { assert, cpuDevice, type Device } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import type { Kernels } from "../graph/index.ts";
import type { TensorMap, Tuning } from "../qwen/index.ts";
import type { GenerateOptions, GenerateRow, Turn } from "./generate.ts";
import { runGenerate } from "./generate.ts";
import { ImageEncoder } from "./image-encoder.ts";
import type { ImageInput } from "./images.ts";
import type { Widening } from "./keeping.ts";
import type { Gradient, LearnBatch, LossInputs, TokenScores } from "./learn.ts";
import { runGradient, runLogProbs } from "./learn.ts";
import type { PolicyParts } from "./parts.ts";
import { parameterFeeds } from "./parts.ts";
import { PlacementWatch } from "./placement.ts";
import { openSessions, type RoleSessions } from "./roles.ts";
import { RopeTable } from "./rope.ts";
import type { OpenedSource, PolicySource } from "./source.ts";
import { openSource } from "./source.ts";
import type { TurnPiece } from "./stream.ts";
import { streamTurn } from "./stream.ts";
import type { Role } from "./threads.ts";
import { warmUp } from "./warm-up.ts";

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

/**
 * Opens a policy: builds the graphs of its roles and loads the weights. On a device other than the
 * processor every role is run once, and where its nodes ran is looked at.
 *
 * @throws {DeviceError} where the device cannot be used
 * @throws {PlacementError} where floats are computed elsewhere
 */
export async function openPolicy(options: PolicyOptions): Promise<Policy> {
  const { tuning, roles, profile, device = cpuDevice } = options;
  const source = await openSource(options, tuning);
  const isWatched = device.type !== "cpu" && roles.length > 0 && profile === undefined;
  if (!isWatched) return policyOf(source, tuning, await openSessions(options, source));
  const watch = await PlacementWatch.open(device);
  try {
    const policy = policyOf(source, tuning, await openSessions(options, source, watch));
    try {
      await warmUp(policy, roles);
      await watch.check();
    } catch (thrown) {
      await policy.close();
      throw thrown;
    }
    return policy;
  } finally {
    await watch.close();
  }
}

function policyOf(
  { config, trainable }: OpenedSource,
  tuning: Tuning,
  sessions: RoleSessions,
): Policy {
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
    trainable,
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
