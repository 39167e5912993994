// A worker process: connects to a run's bus, learns from the ledger what the run is, and works.
import { hostname } from "node:os";
import {
  engineName,
  keptOf,
  Messenger,
  openLearnerPolicy,
  openRolloutPolicy,
  reportFault,
  runLearnerWorker,
  runRolloutWorker,
} from "../../actors/index.ts";
import {
  protocolOf,
  type RunConfig,
  restoreRunConfig,
  rolloutDevices,
} from "../../config/index.ts";
import {
  type Device,
  type EventData,
  parseDevice,
  RetryableError,
  streams,
  TerminalError,
} from "../../events/index.ts";
import {
  acceleratorOf,
  busPatienceMs,
  connectLedger,
  connectNats,
  holdLeash,
  numericClassOf,
  workerAddress,
} from "../../runtime/index.ts";
import type { Ledger } from "../../storage/index.ts";
import { environmentOf, withModes } from "../../tasks/index.ts";
import { engineKey } from "../environment.ts";
import { Closers } from "./closers.ts";
import type { RunWorker, WorkerOptions } from "./types.ts";

/** Images are decoded once and policies change each step: a small cache of blobs is enough. */
const blobCacheBytesOfWorker = 32 * 1024 * 1024;

/** How often a worker looks whether its run has been started, in milliseconds. */
const startPollMs = 200;

export const runWorker: RunWorker = async (options, interrupted) => {
  const leash = holdLeash(options.env);
  const signal = AbortSignal.any([interrupted, leash.signal]);
  const closers = new Closers();
  try {
    await work(options, leash.isHeld, signal, closers);
  } catch (thrown) {
    // A head that lets go is a reason to end, not a fault.
    if (!leash.signal.aborted) throw thrown;
  } finally {
    await closers.close();
  }
};

async function work(
  options: WorkerOptions,
  isChild: boolean,
  signal: AbortSignal,
  closers: Closers,
): Promise<void> {
  const { role, worker, cluster, run, bus: place } = options;
  const address = { cluster, run };
  const bus = await connectNats({ ...place, name: worker, patienceMs: busPatienceMs, signal });
  closers.add(() => bus.close());
  const ledger = connectLedger({ bus, address, blobCacheBytes: blobCacheBytesOfWorker });
  closers.add(() => ledger.close());
  const started = await startOf(ledger, run, signal);
  const config = restoreRunConfig(started.config);
  // Tools run at the head, so that their world is the run's by definition.
  const { sandbox } = started.numericClass;
  const apiKey = engineKey(config, options.env);
  // A learner asks no server: what it learns from was sampled by the run's own.
  const engine =
    role === "rollout"
      ? await engineName(config, apiKey, signal)
      : (started.numericClass.engine ?? null);
  const device =
    role === "learner" ? parseDevice(config.learner.device) : rolloutDevice(options, config);
  const accelerator = await acceleratorOf(device, options.env["PATH"] ?? "");
  const info = {
    id: worker,
    address: workerAddress(worker),
    role,
    pid: process.pid,
    host: hostname(),
    numericClass: await numericClassOf({ sandbox, accelerator, engine }),
  };
  const common = { address, bus, ledger, info, config, signal };
  const readBlob: Ledger["blobs"]["get"] = (name) => ledger.blobs.get(name);
  const opened = async <T>(opening: Promise<T>): Promise<T> => {
    try {
      return await opening;
    } catch (thrown) {
      // The head would start its own worker again and again; only it can tell the person why.
      if (isChild && thrown instanceof TerminalError)
        await reportFault(new Messenger(bus, address), worker, thrown);
      throw thrown;
    }
  };
  if (role === "learner") {
    const policy = await opened(openLearnerPolicy(config, readBlob));
    closers.add(() => policy.close());
    const { trainer, optimizer } = policy;
    await runLearnerWorker({ ...common, trainer, optimizer });
    return;
  }
  const policy = await opened(openRolloutPolicy(config, readBlob, apiKey, device));
  closers.add(() => policy.close());
  const { sampler, encoder } = policy;
  const environment = withModes(environmentOf(protocolOf(config), config.rollout.cropOracle));
  const kept = await keptOf(started, readBlob);
  await runRolloutWorker({ ...common, environment, encoder, sampler, kept });
}

function rolloutDevice({ device }: WorkerOptions, config: RunConfig): Device {
  return parseDevice(device ?? rolloutDevices(config)[0] ?? "cpu");
}

/** The run's first event. A head that is still starting is waited for. */
async function startOf(
  ledger: Ledger,
  run: string,
  signal: AbortSignal,
): Promise<EventData<"run.started">> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const [first] = await ledger.readStream(streams.run(run), 1, 1);
      if (first !== undefined) return first.data as EventData<"run.started">;
    } catch (thrown) {
      if (!(thrown instanceof RetryableError)) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, startPollMs));
  }
}
