// A Rollout worker: the wiring of one process. Engine, tokenizer, bus and ledger are handed in.
import type { RunConfig } from "../../config/index.ts";
import type { Bus, WorkerInfo } from "../../runtime/index.ts";
import type { Ledger } from "../../storage/index.ts";
import { Messenger, type RunAddress, received, toolActor, toolTimeoutMs } from "../protocol.ts";
import { reportFault, stayRegistered } from "../worker.ts";
import type { TrajectoryLimits } from "./decide.ts";
import type { Kept } from "./kept.ts";
import type { Encoder, Environment, PolicySampler } from "./ports.ts";
import { Rollout } from "./rollout.ts";

/** How long an incomplete batch waits for more turns by default, in milliseconds. */
export const lingerMsDefault = 25;

export interface RolloutWorkerOptions {
  readonly address: RunAddress;
  readonly bus: Bus;
  /** The head's ledger, over the bus. */
  readonly ledger: Pick<Ledger, "append" | "readStream" | "acquireLease" | "blobs">;
  /** Its `role` is `rollout`. */
  readonly info: WorkerInfo;
  readonly config: RunConfig;
  readonly environment: Environment;
  readonly encoder: Encoder;
  readonly sampler: PolicySampler;
  readonly lingerMs?: number;
  /** What the run continues; null where its trajectories are new. */
  readonly kept?: Kept | null;
  /** Ends the worker. */
  readonly signal: AbortSignal;
}

/** What bounds the trajectories of a run. */
export function trajectoryLimits({ rollout }: RunConfig): TrajectoryLimits {
  const { turnsMax, callsMax, turnTokensMax, contextTokensMax } = rollout;
  return { turnsMax, callsMax, turnTokensMax, contextTokensMax };
}

/**
 * Plays what the head orders until the signal is aborted.
 * @throws what the head refuses the worker with
 */
export async function runRolloutWorker(options: RolloutWorkerOptions): Promise<void> {
  const { address, bus, ledger, info, config, signal } = options;
  const messenger = new Messenger(bus, address);
  const rollout = new Rollout({
    run: address.run,
    seed: config.run.seed,
    worker: `${info.id}/${info.host}/${info.pid}`,
    limits: trajectoryLimits(config),
    kept: options.kept ?? null,
    lingerMs: options.lingerMs ?? lingerMsDefault,
    ledger,
    readBlob: (name) => ledger.blobs.get(name),
    environment: options.environment,
    encoder: options.encoder,
    sampler: options.sampler,
    callTool: (effectId, request, ending) =>
      messenger.ask(toolActor, "execute", request, {
        id: effectId,
        timeoutMs: toolTimeoutMs,
        signal: ending,
      }),
    now: () => performance.now(),
    onFault: (error) => void reportFault(messenger, info.id, error),
  });
  const service = messenger.serve(info.address, "play", async (order) => {
    await rollout.play(order);
    return received;
  });
  try {
    await stayRegistered(bus, address, info, signal);
  } finally {
    await service.close();
    await rollout.close();
  }
}
