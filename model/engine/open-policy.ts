// The policy as a set of pure calls: every call is given the trainable parameters and returns
// values; nothing is kept between calls but weights that never change and encoded images.
//   P1. One onnxruntime session per role (vision, generate, learn): sizes pad, nothing is rebuilt.
//   P2. An image is encoded once per (image, vision parameters).
import { assert, cpuDevice } from "../../events/index.ts";
import type { TensorMap, Tuning } from "../qwen/index.ts";
import { runGenerate } from "./generate.ts";
import { ImageEncoder } from "./image-encoder.ts";
import { runGradient, runLogProbs } from "./learn.ts";
import { parameterFeeds } from "./parameter-feeds.ts";
import type { PolicyParts } from "./parts.ts";
import { PlacementWatch } from "./placement.ts";
import type { Policy, PolicyOptions } from "./policy.ts";
import { openSessions, type RoleSessions } from "./roles.ts";
import { RopeTable } from "./rope.ts";
import type { OpenedSource } from "./source.ts";
import { openSource } from "./source.ts";
import { streamTurn } from "./stream.ts";
import type { Role } from "./threads.ts";
import { warmUp } from "./warm-up.ts";

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
