// Starts and stops whole runs of the tiny world.
import {
  type Environment,
  type Head,
  keptOf,
  openRewards,
  type PolicyOptimizer,
  type PolicySampler,
  type PolicyTrainer,
  type ProgramRunner,
  playedBefore,
  type RolloutPolicy,
  type RunAddress,
  type RunResult,
  resultOf,
  runLearnerWorker,
  runRolloutWorker,
  startHead,
  ToolExecutor,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventEnvelope, type HashName, hashName } from "../../events/index.ts";
import type { ForkStart } from "../../replay/index.ts";
import { type Bus, connectLedger, MemoryBroker, serveLedger } from "../../runtime/index.ts";
import { type Ledger, MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import type { TaskSource } from "../../tasks/index.ts";
import { tinyConfig } from "./tiny-config.ts";
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

export { tinyConfig };

type ReadBlob = (name: HashName) => Promise<Uint8Array | null>;

export const numericClass = { code: "c", onnxruntime: "o", device: "cpu", sandbox: "tiny" };

const infoOf = (id: string, role: string, pid: number, given: typeof numericClass) => ({
  id,
  address: `${id}_${pid}`,
  role,
  pid,
  host: "here",
  numericClass: given,
});

const endOf = (worker: string) => ({ worker, role: "worker", cause: "killed" });

/** What a run is made of besides its actors. */
export interface World {
  readonly environment: Environment;
  /** Turns as text, for the judge; by default the tiny world's. */
  readonly decode?: (ids: Int32Array) => string;
  readonly tasks: TaskSource;
  readonly initial: { readonly policy: Uint8Array; readonly optimizer: Uint8Array };
  readonly rollout: (readBlob: ReadBlob) => Promise<Pick<RolloutPolicy, "sampler" | "encoder">>;
  readonly learner: (readBlob: ReadBlob) => Promise<{
    readonly trainer: PolicyTrainer;
    // Its state is the optimizer's own business.
    readonly optimizer: PolicyOptimizer<unknown>;
  }>;
}

export const tinyWorld = (seed: number): World => ({
  environment: tinyEnvironment,
  tasks: tinyTasks(seed),
  initial: { policy: initialPolicy(), optimizer: initialOptimizer() },
  rollout: async (readBlob) => ({ sampler: tinySampler(), encoder: tinyEncoder(readBlob) }),
  learner: async () => ({ trainer: tinyTrainer, optimizer: tinyOptimizer }),
});

/** What a fork begins with. */
interface TinyFork {
  readonly run: string;
  readonly start: ForkStart;
}

export interface TinyOptions {
  readonly world?: World;
  /** Another name than `tiny`, and another beginning than the world's. */
  readonly fork?: TinyFork;
  readonly disk?: MemoryDisk;
  readonly config?: RunConfig;
  /** What the head runs on. */
  readonly device?: string;
  /** One per Rollout worker; undefined: the world's own. */
  readonly samplers?: readonly (PolicySampler | undefined)[];
  readonly runner?: ProgramRunner;
  readonly onEvent?: (event: EventEnvelope, run: TinyRun) => void;
  /** The bus of each process; by default one in memory. */
  readonly connect?: () => Bus;
  /** Opens the head's ledger; by default one in memory, on `disk`. */
  readonly openLedger?: (onCommitted: () => void) => Promise<Ledger>;
  readonly onLedgerFailed?: () => void;
  /** The ledger as a worker has it. */
  readonly remoteLedger?: (ledger: Ledger) => Ledger;
}

/** A head with its ledger, as one process has them. */
interface HeadProcess {
  readonly head: Head;
  readonly ledger: Ledger;
  close(): Promise<void>;
  /** As a SIGKILL does. */
  crash(): Promise<void>;
}

interface Life {
  readonly bus: Bus;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

interface HeadParts
  extends Required<Pick<TinyOptions, "world" | "config" | "device" | "runner">>,
    Required<Pick<TinyOptions, "openLedger" | "onLedgerFailed">> {
  readonly bus: Bus;
  readonly address: RunAddress;
  readonly start: ForkStart | null;
  readonly onEvent: (event: EventEnvelope) => void;
}

/** Stores what a run begins with. */
async function storeStart({ start, world }: HeadParts, { blobs }: Ledger) {
  const base = hashName(Buffer.from("base"));
  if (start === null) {
    const { policy, optimizer } = world.initial;
    return { base, policy: await blobs.put(policy), optimizer: await blobs.put(optimizer) };
  }
  for (const bytes of start.blobs) await blobs.put(bytes);
  const { policy, optimizer, parent } = start;
  return { base, policy, optimizer, parent };
}

async function openHead(parts: HeadParts): Promise<Omit<HeadProcess, "crash">> {
  const { world, config, device, runner, bus, address, onEvent } = parts;
  let head: Head | null = null;
  const ledger = await parts.openLedger(() => head?.hint());
  const service = serveLedger(bus, address, ledger, parts.onLedgerFailed);
  const { rewards } = await openRewards({
    config,
    comparePixels: async (image, reference) => (image === reference ? 0 : 100),
    readImage: (name) => ledger.blobs.get(name),
    playedBefore: playedBefore(
      (...asked) => ledger.readStream(...asked),
      address.run,
      (name) => ledger.blobs.get(name),
    ),
    openDecoder: async () => world.decode ?? tinyEncoder(async () => null).decode,
    parseAction: world.environment.parseAction,
    env: {},
    signal: new AbortController().signal,
  });
  const opened = await startHead({
    address,
    bus,
    ledger,
    config,
    numericClass: { ...numericClass, device },
    initial: await storeStart(parts, ledger),
    tasks: world.tasks,
    tools: new ToolExecutor({
      runner,
      search: { query: async () => ({ text: "", observed: {} }) },
      blobs: ledger.blobs,
      callsActiveMax: 2,
    }),
    rewards,
    onEvent,
  });
  head = opened;
  return {
    head: opened,
    ledger,
    async close() {
      await opened.close();
      await service.close();
      await ledger.close();
    },
  };
}

/** A run with its head and its workers, each of which may be ended and started again. */
export class TinyRun {
  readonly events: EventEnvelope[] = [];
  /** What workers ended with, where that was an error. */
  readonly failures: unknown[] = [];
  readonly #parts: Omit<HeadParts, "bus">;
  readonly #connectBus: () => Bus;
  readonly #remoteLedger: (ledger: Ledger) => Ledger;
  readonly #lives = new Map<string, Life>();
  #process: HeadProcess | null = null;
  #pids = 0;

  constructor(options: TinyOptions) {
    const { world, device, config = tinyConfig(), runner, fork, onEvent } = options;
    const { disk = new MemoryDisk(), openLedger, remoteLedger = (ledger) => ledger } = options;
    const broker = new MemoryBroker();
    this.#connectBus = options.connect ?? (() => broker.connect());
    this.#remoteLedger = remoteLedger;
    const inMemory = (onCommitted: () => void) =>
      openMemoryLedger({ clock: Date.now, disk, onCommitted });
    this.#parts = {
      address: { cluster: "test", run: fork?.run ?? "tiny" },
      start: fork?.start ?? null,
      config,
      device: device ?? "cpu",
      world: world ?? tinyWorld(config.run.seed),
      openLedger: openLedger ?? inMemory,
      onLedgerFailed: options.onLedgerFailed ?? (() => {}),
      runner: runner ?? tinyRunner(),
      onEvent: (event) => {
        this.events.push(event);
        onEvent?.(event, this);
      },
    };
  }

  get #open(): HeadProcess {
    if (this.#process === null) throw new Error("the head is not open");
    return this.#process;
  }

  get head(): Head {
    return this.#open.head;
  }

  async startHead(): Promise<void> {
    const bus = this.#connectBus();
    const opened = await openHead({ ...this.#parts, bus });
    const close = async () => {
      await opened.close();
      await bus.close();
    };
    const crash = async () => {
      await bus.close();
      opened.close().catch(() => {});
      await opened.ledger.close();
    };
    this.#process = { ...opened, close, crash };
  }

  /** Ends the head as a SIGKILL does: nothing leaves it any more, and nothing is waited for. */
  async crashHead(): Promise<void> {
    const crashed = this.#open;
    this.#process = null;
    await crashed.crash();
  }

  /** Whether there is a head. */
  get isOpen(): boolean {
    return this.#process !== null;
  }

  /** Ends the head and starts another one over the same disk; the workers live on. */
  async restartHead(): Promise<void> {
    await this.#open.close();
    await this.startHead();
  }

  async startRollout(worker: string, sampler?: PolicySampler, device = "cpu"): Promise<void> {
    const { config, world, address } = this.#parts;
    const remote = this.#connect();
    const readBlob: ReadBlob = (name) => remote.ledger.blobs.get(name);
    const policy = await world.rollout(readBlob);
    const { start } = this.#parts;
    const kept = start === null ? null : await keptOf(start, readBlob);
    this.#live(worker, remote.bus, (signal, pid) =>
      runRolloutWorker({
        ...remote,
        address,
        config,
        signal,
        info: infoOf(worker, "rollout", pid, { ...numericClass, device }),
        environment: world.environment,
        encoder: policy.encoder,
        sampler: sampler ?? policy.sampler,
        kept,
        lingerMs: 2,
      }),
    );
  }

  async startLearner(): Promise<void> {
    const { config, world, address } = this.#parts;
    const remote = this.#connect();
    const policy = await world.learner((name) => remote.ledger.blobs.get(name));
    this.#live("learner", remote.bus, (signal, pid) =>
      runLearnerWorker({
        ...remote,
        ...policy,
        address,
        config,
        signal,
        info: infoOf("learner", "learner", pid, numericClass),
      }),
    );
  }

  /** Ends one worker as a SIGKILL does; its supervisor, if there is a head, sees it. */
  async crash(worker: string): Promise<void> {
    const life = this.#lives.get(worker);
    this.#lives.delete(worker);
    await life?.bus.close();
    life?.stop.abort();
    this.#process?.head.workerEnded(endOf(worker));
  }

  /** Ends one worker, and tells the head as its supervisor would. */
  async kill(worker: string): Promise<void> {
    const life = this.#lives.get(worker);
    this.#lives.delete(worker);
    life?.stop.abort();
    this.head.workerEnded(endOf(worker));
    await life?.ended;
  }

  result(): Promise<RunResult> {
    return resultOf(this.#open.ledger);
  }

  async close(): Promise<void> {
    for (const { stop } of this.#lives.values()) stop.abort();
    await Promise.all([...this.#lives.values()].map(({ ended }) => ended));
    await this.#process?.close();
  }

  #connect() {
    const bus = this.#connectBus();
    const { address } = this.#parts;
    return { bus, ledger: this.#remoteLedger(connectLedger({ bus, address })) };
  }

  #live(worker: string, bus: Bus, work: (signal: AbortSignal, pid: number) => Promise<void>): void {
    const stop = new AbortController();
    this.#pids += 1;
    const ended = work(stop.signal, this.#pids).catch((thrown: unknown) => {
      this.failures.push(thrown);
    });
    this.#lives.set(worker, { bus, stop, ended });
  }
}

/** Starts a run, or goes on with the one that is on the disk. */
export async function startTinyRun(options: TinyOptions = {}): Promise<TinyRun> {
  const run = new TinyRun(options);
  await run.startHead();
  for (const [index, sampler] of (options.samplers ?? [undefined]).entries()) {
    await run.startRollout(`rollout-${index}`, sampler);
  }
  await run.startLearner();
  return run;
}
