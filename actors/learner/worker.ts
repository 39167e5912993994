// The Learner worker: the wiring of one process. Engine, optimizer, bus and ledger are handed in.
import type { RunConfig } from "../../config/index.ts";
import { anchorOf, type EventData, ensureError, sha256Hex, streams } from "../../events/index.ts";
import {
  ActorHost,
  type Bus,
  defineActor,
  type HostFault,
  isOutOfReach,
  sleep,
  type WorkerInfo,
} from "../../runtime/index.ts";
import type { Ledger } from "../../storage/index.ts";
import { EvidenceError } from "../errors.ts";
import { type LearnOrder, Messenger, type RunAddress, received } from "../protocol.ts";
import { reportFault, stayRegistered } from "../worker.ts";
import { decideLearner } from "./decide.ts";
import { learnerEffects } from "./effects.ts";
import { learnerMachine } from "./machine.ts";
import type { PolicyOptimizer, PolicyTrainer, Tensors } from "./ports.ts";
import { learnerRules, learnSettings } from "./settings.ts";

/** Wait before a step is taken up again when the head is out of reach, in milliseconds. */
const takeUpMs = 500;

export interface LearnerWorkerOptions<S> {
  readonly address: RunAddress;
  readonly bus: Bus;
  /** The head's ledger, over the bus. */
  readonly ledger: Pick<Ledger, "append" | "readStream" | "acquireLease" | "blobs">;
  /** Its `role` is `learner`. */
  readonly info: WorkerInfo;
  readonly config: RunConfig;
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<S>;
  /** Ends the worker. */
  readonly signal: AbortSignal;
}

/**
 * Learns what the head orders until the signal is aborted.
 * @throws what the head refuses the worker with
 */
export async function runLearnerWorker<S>(options: LearnerWorkerOptions<S>): Promise<void> {
  const { address, bus, ledger, info, signal } = options;
  const messenger = new Messenger(bus, address);
  const stream = streams.learner(address.run);
  const onFault = ({ kind, error }: HostFault): void => {
    if (kind !== "lease-lost" && !isOutOfReach(error))
      return void reportFault(messenger, info.id, error);
    // Another learner has the step now, or the head was away for long: nothing has failed.
    host.forget([stream]);
    if (kind !== "lease-lost") void takeUp();
  };
  /** Goes on with what was under way, as soon as the head is back. */
  const takeUp = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(takeUpMs, signal).catch(() => {});
      try {
        return await host.start([stream]);
      } catch (thrown) {
        if (!isOutOfReach(ensureError(thrown))) return reportFault(messenger, info.id, thrown);
      }
    }
  };
  const actor = await defineLearner(options);
  const holder = `${info.id}/${info.host}/${info.pid}`;
  const host = new ActorHost({ actor, ledger, holder, onFault });
  const learn = async (order: LearnOrder): Promise<typeof received> => {
    const id = sha256Hex(`assemble ${stream} ${order.step}`);
    const outcome = await host.tell(stream, { id, type: "assemble", ...order });
    if (outcome.status === "rejected") throw new EvidenceError(outcome.reason);
    return received;
  };
  const service = messenger.serve(info.address, "learn", learn);
  try {
    await stayRegistered(bus, address, info, signal);
  } finally {
    await service.close();
    await host.close();
  }
}

async function defineLearner<S>(options: LearnerWorkerOptions<S>) {
  const { config, ledger, trainer, optimizer } = options;
  const { storage } = config;
  const started = await startOf(options);
  return defineActor({
    type: "learner",
    machine: learnerMachine,
    decide: decideLearner(learnerRules(config, started.parent)),
    effects: learnerEffects({
      parts: {
        trainer,
        optimizer,
        settings: learnSettings(config),
        reference: await anchor(options, started),
      },
      storage: ledger,
      advantage: config.learner.advantage,
      gradientBytesMax: storage.gradientBytesMax,
      optimizerEverySteps: storage.optimizerEverySteps,
    }),
  });
}

async function startOf<S>({
  address,
  ledger,
}: LearnerWorkerOptions<S>): Promise<EventData<"run.started">> {
  const [started] = await ledger.readStream(streams.run(address.run), 1, 1);
  if (started === undefined) throw new EvidenceError("the run has not been started");
  return started.data as EventData<"run.started">;
}

/** The policy that KL is measured to. */
async function anchor<S>(
  { ledger, config, trainer }: LearnerWorkerOptions<S>,
  started: EventData<"run.started">,
): Promise<Tensors | null> {
  if (config.learner.kl.type === "none") return null;
  const policy = anchorOf(started);
  const bytes = await ledger.blobs.get(policy);
  if (bytes === null) throw new EvidenceError(`the policy ${policy} is not stored`);
  return trainer.decodePolicy(bytes);
}
