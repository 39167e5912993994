// A run of the tiny world in one process, with the real actors, hosts and ledger, that is disturbed
// by the plan of a seed until it has ended, and held against the undisturbed one.
//
// What supervises a run outside is played here: a worker that is gone is started again, and a head
// that ended is resumed. A head that ends without a fault of its disk has failed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunResult } from "../../actors/index.ts";
import { type EventEnvelope, RandomStream, RetryableError } from "../../events/index.ts";
import { type Ledger, MemoryDisk, openLedger, openMemoryLedger } from "../../storage/index.ts";
import { TinyRun, tinyConfig } from "../actors/tiny-run.ts";
import { tinyRunner } from "../actors/tiny-world.ts";
import { Acknowledged, Disk, noting } from "./failing-ledger.ts";
import type { SimulatedFault, SimulatedKind, SimulatedPlan } from "./simulated-faults.ts";
import { type StormCounts, type StormyBus, StormyNetwork } from "./stormy-bus.ts";
import { type Findings, verifyRun } from "./verify.ts";

export interface SimulatedDone extends Findings {
  readonly seed: number;
  /** Faults that were done, with the event that brought each. */
  readonly faults: readonly SimulatedFault[];
  readonly messages: StormCounts;
  readonly events: number;
  readonly told: number;
  readonly seconds: number;
}

/** The run that every simulated one is held against: two steps and two evaluations. */
export const simulatedConfig = tinyConfig({ steps: 3 });

/** Without any event, whatever the machine has to do besides: the run hangs. In milliseconds. */
const stallMsMax = 120_000;
const partitionMs = 300;
/** What starts a process again takes its time, in milliseconds. */
const restartMs = 10;
/** Calls that one `sandbox-lost` makes fail. */
const callsLost = 3;

/** Plays the run of `plan` to its end. */
export async function simulate(plan: SimulatedPlan, wanted: RunResult): Promise<SimulatedDone> {
  const folder = await mkdtemp(join(tmpdir(), "varft-simulated-"));
  const run = new SimulatedRun(plan, folder);
  const begun = performance.now();
  try {
    await run.play();
    return { ...(await run.findings(wanted)), seconds: (performance.now() - begun) / 1_000 };
  } finally {
    await run.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class SimulatedRun {
  readonly #plan: SimulatedPlan;
  readonly #network: StormyNetwork;
  readonly #acknowledged = new Acknowledged();
  readonly #disk = new Disk();
  readonly #openLedger: (onCommitted: () => void) => Promise<Ledger>;
  readonly #workers: readonly string[];
  readonly #run: TinyRun;
  readonly #done: SimulatedFault[] = [];
  readonly #buses = new Map<string, StormyBus>();
  #connecting = "";
  #callsToLose = 0;
  #isToldOfFailure = false;
  /** Faults that are still to come, and how many of their events have been seen. */
  readonly #waiting: SimulatedFault[];
  readonly #seen = new Map<SimulatedFault, number>();
  #restart: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(plan: SimulatedPlan, folder: string) {
    this.#plan = plan;
    this.#waiting = [...plan.faults];
    this.#network = new StormyNetwork(new RandomStream(plan.seed, "weather"), plan.weather);
    const rollouts = Array.from({ length: plan.rollouts }, (_, index) => `rollout-${index}`);
    this.#workers = [...rollouts, "learner"];
    const disk = new MemoryDisk();
    this.#openLedger = (onCommitted) =>
      plan.isOnDisk
        ? openLedger(folder, { clock: Date.now, onCommitted })
        : openMemoryLedger({ disk, clock: Date.now, onCommitted });
    this.#run = new TinyRun({
      config: simulatedConfig,
      connect: () => this.#connect(),
      openLedger: async (onCommitted) =>
        noting(this.#disk.over(await this.#openLedger(onCommitted)), this.#acknowledged),
      onLedgerFailed: () => {
        this.#isToldOfFailure = true;
      },
      remoteLedger: (ledger) => noting(ledger, this.#acknowledged),
      runner: tinyRunner(() => this.#mayLoseCall()),
      onEvent: (event) => this.#note(event),
    });
  }

  async play(): Promise<void> {
    await this.#startHead();
    await Promise.all(this.#workers.map((worker) => this.#startWorker(worker)));
    for (;;) {
      const end = await this.#endOfHead();
      if (end === "completed") return;
      await this.#restart;
      await this.#startHead();
    }
  }

  async findings(wanted: RunResult): Promise<Omit<SimulatedDone, "seconds">> {
    this.#isOver = true;
    await this.#restart;
    await this.#run.close();
    const ledger = await this.#openLedger(() => {});
    try {
      return {
        ...(await verifyRun(ledger, this.#acknowledged, wanted)),
        seed: this.#plan.seed,
        faults: this.#done,
        messages: this.#network.counts,
        events: (await ledger.head()).size,
        told: this.#acknowledged.events.size + this.#acknowledged.blobs.size,
      };
    } finally {
      await ledger.close();
    }
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#network.calm();
    await this.#restart.catch(() => {});
    await this.#run.close().catch(() => {});
  }

  /** Resolves when the head of now has ended; rejects where it must not have. */
  async #endOfHead(): Promise<"completed" | "ended"> {
    const { head } = this.#run;
    const ended = head.done.then(
      () => "completed" as const,
      (thrown: unknown) => thrown,
    );
    let seen = 0;
    let progressMs = performance.now();
    while (this.#run.isOpen && this.#run.head === head) {
      const now = new Promise<"waiting">((resolve) => setTimeout(() => resolve("waiting"), 20));
      const state = await Promise.race([ended, now]);
      if (state === "completed") return state;
      const isTold = this.#isToldOfFailure && this.#disk.hasFailed;
      if (state !== "waiting" || isTold) return this.#failed(state);
      if (this.#run.events.length > seen) progressMs = performance.now();
      seen = this.#run.events.length;
      if (performance.now() - progressMs > stallMsMax) {
        throw new Error(`no event in ${stallMsMax} ms${this.#situation()}`);
      }
    }
    return "ended";
  }

  async #failed(thrown: unknown): Promise<"ended"> {
    // Whoever crashed the head has seen to its end.
    if (!this.#run.isOpen) return "ended";
    if (!this.#disk.hasFailed) throw thrown;
    this.#isToldOfFailure = false;
    await this.#run.crashHead();
    return "ended";
  }

  #situation(): string {
    const last = this.#run.events.at(-1);
    const failures = this.#run.failures.map(String).join("; ");
    const workers = this.#run.isOpen ? this.#run.head.workers().join() : "no head";
    return (
      ` (${this.#done.length} faults, last ${last?.type} in ${last?.stream}; ` +
      `workers: ${workers}; failed: ${failures})`
    );
  }

  #note({ type }: EventEnvelope): void {
    const next = this.#waiting.find(({ event }) => event === type);
    if (next === undefined || this.#isOver) return;
    const seen = (this.#seen.get(next) ?? 0) + 1;
    this.#seen.set(next, seen);
    if (seen < next.count) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#done.push(next);
    const done = this.#restart.then(() => this.#inject(next.kind));
    this.#restart = done.catch(() => {});
  }

  async #inject(kind: SimulatedKind): Promise<void> {
    switch (kind) {
      case "head-crash":
        return this.#crashHead();
      case "rollout-crash":
        return this.#crashWorker("rollout-0");
      case "learner-crash":
        return this.#crashWorker("learner");
      case "power-cut":
        await this.#crashHead();
        await Promise.all(this.#workers.map((worker) => this.#crashWorker(worker)));
        return;
      case "head-partition":
        return void this.#buses.get("head")?.partition(partitionMs);
      case "rollout-partition":
        return void this.#buses.get("rollout-0")?.partition(partitionMs);
      case "learner-partition":
        return void this.#buses.get("learner")?.partition(partitionMs);
      case "sandbox-lost":
        this.#callsToLose += callsLost;
        return;
      default:
        this.#disk.fail(kind);
    }
  }

  async #crashHead(): Promise<void> {
    if (this.#run.isOpen) await this.#run.crashHead();
  }

  async #crashWorker(worker: string): Promise<void> {
    await this.#run.crash(worker);
    await pause(restartMs);
    if (!this.#isOver) await this.#startWorker(worker);
  }

  /** A disk that fails while the head opens is tried again, as a person would. */
  async #startHead(): Promise<void> {
    for (;;) {
      await pause(restartMs);
      this.#connecting = "head";
      try {
        await this.#run.startHead();
        return;
      } catch (thrown) {
        if (!this.#disk.hasFailed) throw thrown;
      }
    }
  }

  async #startWorker(worker: string): Promise<void> {
    this.#connecting = worker;
    if (worker === "learner") await this.#run.startLearner();
    else await this.#run.startRollout(worker);
  }

  #connect(): StormyBus {
    const bus = this.#network.connect();
    this.#buses.set(this.#connecting, bus);
    return bus;
  }

  #mayLoseCall(): void {
    if (this.#callsToLose === 0) return;
    this.#callsToLose -= 1;
    throw new RetryableError("engine-lost", "the engine went away");
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
