// Starts and stops whole runs of the tiny world.
import {
  type Head,
  type PolicySampler,
  type RunResult,
  resultOf,
  runLearnerWorker,
  runRolloutWorker,
  startHead,
  ToolExecutor,
} from "../../actors/index.ts";
import { type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { type EventEnvelope, hashName } from "../../events/index.ts";
import { connectLedger, MemoryBroker, serveLedger } from "../../runtime/index.ts";
import { MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import {
  initialOptimizer,
  initialPolicy,
  tinyEncoder,
  tinyEnvironment,
  tinyOptimizer,
  tinyRunner,
  tinySampler,
  tinyTasks,
  tinyTrainer,
} from "./tiny-world.ts";

const address = { cluster: "test", run: "tiny" };
export const numericClass = { code: "c", onnxruntime: "o", device: "cpu", sandbox: "tiny" };

interface TinyChanges {
  readonly steps?: number;
  readonly tasks?: number;
  readonly seed?: number;
  readonly klCoefficient?: number;
}

export function tinyConfig(changes: TinyChanges = {}): RunConfig {
  const { steps = 4, tasks = 8, seed = 3, klCoefficient = 0 } = changes;
  return restoreRunConfig({
    determinism: "strict",
    run: { seed, steps },
    model: { directory: "tiny" },
    tune: { type: "full", vision: true },
    tasks: { type: "mini" },
    rollout: {
      workers: 1,
      prompts: 6,
      samples: 6,
      temperature: 1,
      turnsMax: 4,
      callsMax: 2,
      turnTokensMax: 4,
      contextTokensMax: 32,
    },
    learner: {
      learningRate: 12,
      warmupSteps: 2,
      beta2: 0.98,
      gradientNormMax: 1,
      minibatches: 2,
      clipLow: 0.2,
      clipHigh: 0.28,
      advantage: { type: "fixed", scale: 0.5 },
      klCoefficient,
      mismatchMax: 1e-4,
      shards: 2,
      microRows: 5,
    },
    reward: { f1: 0.8, format: 0.2, calls: -0.05 },
    evaluation: {
      sets: [
        { name: "sampled", set: "held-out", tasks, greedy: false, when: ["before", "after"] },
        {
          name: "no-tool",
          set: "held-out",
          tasks: 20,
          greedy: true,
          tools: false,
          when: ["after"],
        },
      ],
    },
    search: { type: "bm25", corpus: "mini", hits: 1 },
    storage: { gradientBytesMax: 1_000_000, optimizerEverySteps: 3 },
  });
}

const infoOf = (id: string, role: string, pid: number, given: typeof numericClass) => ({
  id,
  role,
  pid,
  host: "here",
  numericClass: given,
});

export interface TinyOptions {
  readonly disk?: MemoryDisk;
  readonly config?: RunConfig;
  /** One per Rollout worker. */
  readonly samplers?: readonly PolicySampler[];
  readonly runner?: ReturnType<typeof tinyRunner>;
  readonly onEvent?: (event: EventEnvelope, world: TinyRun) => void;
}

export interface TinyRun {
  readonly head: Head;
  readonly events: readonly EventEnvelope[];
  /** Ends one worker as a kill would, and tells the head. */
  kill(worker: string): Promise<void>;
  startRollout(worker: string, sampler?: PolicySampler, device?: string): Promise<void>;
  startLearner(): void;
  /** What workers ended with, where that was an error. */
  readonly failures: readonly unknown[];
  result(): Promise<RunResult>;
  close(): Promise<void>;
}

/** Starts a run, or goes on with the one that is on the disk. */
export async function startTinyRun(options: TinyOptions = {}): Promise<TinyRun> {
  const { disk = new MemoryDisk(), config = tinyConfig(), runner = tinyRunner() } = options;
  const { samplers = [tinySampler()] } = options;
  const broker = new MemoryBroker();
  const bus = broker.connect();
  let head: Head | null = null;
  const ledger = await openMemoryLedger({ clock: Date.now, disk, onCommitted: () => head?.hint() });
  const service = serveLedger(bus, address, ledger);
  const [policy, optimizer] = await Promise.all(
    [initialPolicy(), initialOptimizer()].map((bytes) => ledger.blobs.put(bytes)),
  );
  const events: EventEnvelope[] = [];
  const failures: unknown[] = [];
  const lives = new Map<string, { stop: AbortController; ended: Promise<void> }>();
  let instances = 0;
  const world = {} as { run: TinyRun };

  function live(worker: string, work: (signal: AbortSignal, pid: number) => Promise<void>) {
    const stop = new AbortController();
    instances += 1;
    const ended = work(stop.signal, instances).catch((thrown: unknown) => {
      failures.push(thrown);
    });
    lives.set(worker, { stop, ended });
  }

  const remote = () => {
    const connection = broker.connect();
    return { bus: connection, ledger: connectLedger({ bus: connection, address }) };
  };

  world.run = {
    get head() {
      return head as Head;
    },
    events,
    failures,
    async startRollout(worker, sampler = tinySampler(), device = "cpu") {
      const parts = remote();
      live(worker, (signal, pid) =>
        runRolloutWorker({
          ...parts,
          address,
          config,
          sampler,
          signal,
          info: infoOf(worker, "rollout", pid, { ...numericClass, device }),
          environment: tinyEnvironment,
          encoder: tinyEncoder((name) => parts.ledger.blobs.get(name)),
          lingerMs: 2,
        }),
      );
    },
    startLearner() {
      live("learner", (signal, pid) =>
        runLearnerWorker({
          ...remote(),
          address,
          config,
          signal,
          info: infoOf("learner", "learner", pid, numericClass),
          trainer: tinyTrainer,
          optimizer: tinyOptimizer,
        }),
      );
    },
    async kill(worker) {
      const life = lives.get(worker);
      lives.delete(worker);
      life?.stop.abort();
      head?.workerEnded(worker, "killed");
      await life?.ended;
    },
    result: () => resultOf(ledger),
    async close() {
      for (const { stop } of lives.values()) stop.abort();
      await Promise.all([...lives.values()].map(({ ended }) => ended));
      await head?.close();
      await service.close();
      await bus.close();
      await ledger.close();
    },
  } satisfies TinyRun;

  head = await startHead({
    address,
    bus,
    ledger,
    config,
    numericClass,
    initial: {
      base: hashName(Buffer.from("base")),
      policy: policy as `sha256:${string}`,
      optimizer: optimizer as `sha256:${string}`,
    },
    tasks: tinyTasks(config.run.seed),
    tools: new ToolExecutor({
      runner,
      search: { query: async () => ({ text: "", observed: {} }) },
      blobs: ledger.blobs,
      callsActiveMax: 2,
    }),
    comparePixels: async (image, reference) => (image === reference ? 0 : 100),
    onEvent(event) {
      events.push(event);
      options.onEvent?.(event, world.run);
    },
  });
  for (const [index, sampler] of samplers.entries()) {
    await world.run.startRollout(`rollout-${index}`, sampler);
  }
  world.run.startLearner();
  return world.run;
}
