// The head of a run: Run, its evaluations, RewardJudge and ToolExecutor, and the desk where workers
// register. All I/O is handed in; the caller opens the ledger and the bus and closes them
// afterwards.
//
// 1. Everything that the head knows is in the ledger or comes back with the next beat of a worker,
//    so a head that starts again goes on where the last one was.
// 2. The first fault that trying again does not mend ends the run: `done` rejects with it, and
//    nothing that was recorded is lost. `varft train --resume` goes on from there.

import {
  type EventData,
  type EventEnvelope,
  ensureError,
  sha256Hex,
  streams,
} from "../events/index.ts";
import {
  type HostFault,
  type Registry,
  serveRegistry,
  type WorkerEntry,
} from "../runtime/index.ts";
import { type Follower, follow } from "../storage/index.ts";
import { WorkerFaultError } from "./errors.ts";
import { evaluationHost, judgeHost, runHost } from "./head-hosts.ts";
import type { HeadOptions } from "./head-options.ts";
import { headStateOf } from "./head-state.ts";
import { type FaultReport, headActor, Messenger, received, toolActor } from "./protocol.ts";
import { Crew, Stage, Watch } from "./run/index.ts";
import { startOfRun } from "./run-start.ts";
import { type WorkerEnd, WorkerNotes } from "./worker-notes.ts";

/** How long the head sleeps without a hint before it reads the ledger, in milliseconds. */
const followMs = 250;

export interface Head {
  /** The run's end; rejects with what stopped it. */
  readonly done: Promise<EventData<"run.completed">>;
  /** There may be new events: to be called by the ledger's `onCommitted`. */
  hint(): void;
  /** A worker process has ended; its groups go to others. */
  workerEnded(end: WorkerEnd): void;
  /** The workers that are registered, by id. */
  workers(): readonly string[];
  /** Stops everything that is under way here. */
  close(): Promise<void>;
}

/** Starts the run, or goes on with it. */
export async function startHead(options: HeadOptions): Promise<Head> {
  const head = new RunHead(options);
  try {
    await head.begin();
  } catch (thrown) {
    await head.close();
    throw thrown;
  }
  return head;
}

class RunHead implements Head {
  readonly done: Promise<EventData<"run.completed">>;
  readonly #options: HeadOptions;
  readonly #crew = new Crew();
  readonly #messenger: Messenger;
  readonly #watch: Watch;
  readonly #run: ReturnType<typeof runHost>;
  readonly #judge: ReturnType<typeof judgeHost>;
  readonly #evaluations: ReturnType<typeof evaluationHost>;
  readonly #services: { close(): Promise<void> }[] = [];
  #follower: Follower | null = null;
  #notes: WorkerNotes | null = null;
  readonly #begunMs = performance.now();
  #registry: Registry | null = null;
  #complete: (end: EventData<"run.completed">) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(options: HeadOptions) {
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#complete = resolve;
      this.#fail = reject;
    });
    // Who awaits `done` sees the failure; until then it must not end the process.
    this.done.catch(() => {});
    const { bus, address, ledger } = options;
    const { run } = address;
    this.#messenger = new Messenger(bus, address);
    this.#watch = new Watch(ledger, run);
    const onFault = ({ error }: HostFault): void => this.#fail(error);
    this.#judge = judgeHost(options, onFault);
    this.#evaluations = evaluationHost(options, onFault);
    const stage = new Stage({
      run,
      ledger,
      crew: this.#crew,
      watch: this.#watch,
      messenger: this.#messenger,
      judge: this.#judge,
      rewards: options.rewards,
    });
    this.#run = runHost(options, stage, this.#evaluations, this.#watch, onFault);
  }

  async begin(): Promise<void> {
    const { ledger, address, onEvent } = this.#options;
    const stream = streams.run(address.run);
    const { size, hash } = await ledger.head();
    const onFailed = (error: Error): void => this.#fail(error);
    this.#notes = new WorkerNotes({ ledger, lifeOfHead: hash, onFailed });
    const started = await startOfRun(this.#options);
    const note = (recorded: EventEnvelope): void => {
      this.#watch.note(recorded);
      onEvent?.(recorded);
      if (recorded.type === "run.completed") this.#finish(recorded);
    };
    this.#follower = follow(ledger, ({ event: stored }) => note(stored), {
      from: size + 1,
      intervalMs: followMs,
    });
    this.#follower.done.catch((thrown: unknown) => this.#fail(ensureError(thrown)));
    await this.#watch.begin();
    this.#serve();
    const id = sha256Hex(`start ${stream}`);
    await this.#run.tell(stream, { id, type: "start", started });
    await this.#run.start([stream]);
    const last = (await ledger.readStream(stream)).at(-1);
    if (last?.type === "run.completed") this.#finish(last);
  }

  hint(): void {
    this.#follower?.hint();
  }

  workers(): readonly string[] {
    const members = [...this.#crew.live("rollout"), ...this.#crew.live("learner")];
    return members.map(({ worker }) => worker);
  }

  workerEnded(end: WorkerEnd): void {
    const member = this.#crew.end(end.worker);
    // Of one that was never known, only the death of its process tells anything.
    if (member === null && end.process === undefined) return;
    this.#notes?.ended(end, member?.life ?? null);
  }

  async close(): Promise<void> {
    this.#notes?.close();
    await this.#registry?.close();
    await Promise.all(this.#services.splice(0).map((service) => service.close()));
    this.#options.tools.close();
    await Promise.all([this.#run.close(), this.#judge.close(), this.#evaluations.close()]);
    await this.#follower?.close();
  }

  #serve(): void {
    const { tools, config } = this.#options;
    const messenger = this.#messenger;
    const { bus, address, numericClass } = this.#options;
    this.#registry = serveRegistry(bus, address, {
      numericClass,
      determinism: config.determinism === "strict" ? "exact" : "tolerance",
      onRegistered: (entry) => this.#registered(entry),
      onGone: ({ id, role }) => this.workerEnded({ worker: id, role, cause: "silent, or left" }),
    });
    this.#services.push(
      messenger.serve(headActor, "fault", async (report) => this.#fault(report)),
      messenger.serve(headActor, "state", async () =>
        headStateOf(this.#registry?.list() ?? [], this.#options.pool?.() ?? null, {
          nowMs: performance.now(),
          begunMs: this.#begunMs,
        }),
      ),
      messenger.serve(toolActor, "execute", (request) => tools.execute(request)),
    );
  }

  #registered(entry: WorkerEntry): void {
    const { id, address, role } = entry;
    if (role !== "rollout" && role !== "learner") return;
    this.#crew.add(id, address, role);
    this.#notes?.registered(entry);
  }

  #fault({ worker, code, message }: FaultReport): typeof received {
    this.#fail(new WorkerFaultError(worker, code, message));
    return received;
  }

  #finish({ data }: EventEnvelope): void {
    this.#complete(data as EventData<"run.completed">);
  }
}
