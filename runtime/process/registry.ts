// Who works for a run: workers register over the bus, are checked, and are watched by heartbeats.
//
// 1. A worker of another numeric class is refused, and told how the classes differ, unless the run
//    tolerates differences (I4).
// 2. A worker that was silent for `workerGoneMs` is gone; if it speaks again, it registers again.
//    Its leases protect the ledger meanwhile, so this is about who gets new work, not about safety.
// 3. A name is one process's: the one that registered last. The one before is told, and ends.
// 4. The list lives in the head's memory: after a restart, workers register again by themselves.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { type NumericClass, TerminalError } from "../../events/index.ts";
import { sleep } from "../backoff.ts";
import { type Bus, type Subscription, subjectOf } from "../bus/index.ts";
import { classOfRole, differenceOf } from "./numeric-class.ts";

/** The time between two heartbeats, in milliseconds. */
export const heartbeatMs = 1_000;
/**
 * The silence after which a worker counts as gone, in milliseconds. A call of the engine holds up
 * the worker's loop, heartbeats included, so this must be longer than such a call. The death of a
 * child of the head is known at once.
 */
export const workerGoneMs = 60_000;
/** Workers that the list remembers, the gone ones included. */
export const workersMax = 4_096;
/** Leaves room in a subject for what tells processes of one name apart. */
const idCharsMax = 96;

const worker = z.strictObject({
  /** Unique among the workers of a run. */
  id: z.string().min(1).max(idCharsMax),
  /** Where this process alone is asked: `workerAddress`. */
  address: z.string().min(1).max(128),
  role: z.string().min(1).max(64),
  pid: z.int().positive(),
  host: z.string().min(1).max(256),
  numericClass: z.strictObject({
    code: z.string().max(256),
    onnxruntime: z.string().max(256),
    device: z.string().max(256),
    sandbox: z.string().max(256),
    engine: z.string().max(256).optional(),
    learner: z.string().max(256).optional(),
  }),
});

/** A worker as it presents itself. */
export type WorkerInfo = z.infer<typeof worker>;

/** A worker as the head lists it. Times are milliseconds of the registry's clock. */
export interface WorkerEntry extends WorkerInfo {
  readonly state: "alive" | "gone";
  readonly registeredAt: number;
  readonly lastSeenAt: number;
}

/** The run's numeric class is another one. */
export class WorkerRefusedError extends TerminalError {
  constructor(id: string, difference: string) {
    const mend = 'use an equal host and build, or set determinism = "tolerance"';
    super("worker-refused", `worker ${id} is of another numeric class: ${difference}; ${mend}`);
  }
}

/** Another process works under the worker's name now. */
export class WorkerReplacedError extends TerminalError {
  constructor(id: string) {
    const mend = "this one ends; two that are to work side by side need two names (--id)";
    super("worker-replaced", `another process has registered as ${id}: ${mend}`);
  }
}

/**
 * A new address for a process of the worker `id`. A name may have two processes for a while, when a
 * head was paused and another one has started workers of its own; what one is asked is not for the
 * other.
 */
export function workerAddress(id: string): string {
  return `${id}_${randomBytes(8).toString("hex")}`;
}

export interface RegistryAddress {
  readonly cluster: string;
  readonly run: string;
}

export interface RegistryOptions {
  /** The run's class; null: the first worker's becomes it. */
  readonly numericClass: NumericClass | null;
  /** `tolerance` lets workers of any class in. */
  readonly determinism: "exact" | "tolerance";
  readonly onRegistered?: (worker: WorkerEntry) => void;
  readonly onGone?: (worker: WorkerEntry) => void;
  /** Milliseconds on a clock that does not jump; shown in the list. */
  readonly now?: () => number;
}

export interface Registry {
  list(): readonly WorkerEntry[];
  close(): Promise<void>;
}

/** Serves the registry of a run. */
export function serveRegistry(
  bus: Bus,
  address: RegistryAddress,
  options: RegistryOptions,
): Registry {
  const book = new WorkerBook(options);
  const subject = (verb: string): string => subjectOf({ ...address, actor: "registry" }, verb);
  const services: Subscription[] = [
    bus.serve(subject("register"), async (payload) => book.register(parse(worker, payload))),
    bus.serve(subject("heartbeat"), async (payload) => book.heartbeat(parse(nameShape, payload))),
    bus.serve(subject("leave"), async (payload) => book.leave(parse(nameShape, payload))),
    bus.serve(subject("list"), async () => book.list()),
  ];
  const sweep = setInterval(() => book.sweep(), heartbeatMs).unref();
  return {
    list: () => book.list(),
    close: async () => {
      clearInterval(sweep);
      for (const service of services) await service.close();
    },
  };
}

/** The workers of a run, as its head lists them. */
export async function listWorkers(
  bus: Bus,
  address: RegistryAddress,
): Promise<readonly WorkerEntry[]> {
  const subject = subjectOf({ ...address, actor: "registry" }, "list");
  return (await bus.request(subject, null)) as readonly WorkerEntry[];
}

/** A worker's membership: alive until it leaves. */
export interface Membership {
  /** Rejects when the head refuses the worker later: after its restart, or for another process. */
  readonly ended: Promise<void>;
  leave(): Promise<void>;
}

/**
 * Registers a worker and sends heartbeats until it leaves; waits for a head that is not there yet.
 * @throws {WorkerRefusedError} {WorkerReplacedError}
 */
export async function joinRegistry(
  bus: Bus,
  address: RegistryAddress,
  info: WorkerInfo,
  signal: AbortSignal,
): Promise<Membership> {
  const leaving = new AbortController();
  const stop = AbortSignal.any([signal, leaving.signal]);
  const ask = (verb: string, payload: unknown, attemptsMax: number): Promise<unknown> => {
    const subject = subjectOf({ ...address, actor: "registry" }, verb);
    return bus.request(subject, payload, { timeoutMs: heartbeatMs, attemptsMax, signal: stop });
  };
  const register = async (): Promise<void> => {
    const difference = await ask("register", info, Number.POSITIVE_INFINITY);
    if (typeof difference === "string") throw new WorkerRefusedError(info.id, difference);
  };
  const name: WorkerName = { id: info.id, address: info.address };
  const beat = async (): Promise<void> => {
    while (!stop.aborted) {
      const standing = await ask("heartbeat", name, 1).catch(() => null);
      if (standing === "replaced") throw new WorkerReplacedError(info.id);
      if (standing === "unknown") await register();
      await sleep(heartbeatMs, stop);
    }
  };
  await register();
  const ended = beat().catch((thrown: unknown) => {
    if (!stop.aborted && !bus.closed) throw thrown;
  });
  ended.catch(() => {});
  return {
    ended,
    leave: async () => {
      leaving.abort(new Error("left"));
      await ended.catch(() => {});
      if (bus.closed) return;
      const subject = subjectOf({ ...address, actor: "registry" }, "leave");
      const options = { timeoutMs: heartbeatMs, attemptsMax: 1 };
      await bus.request(subject, name, options).catch(() => {});
    },
  };
}

const nameShape = worker.pick({ id: true, address: true });
type WorkerName = z.infer<typeof nameShape>;

/** What a heartbeat is told: to go on, to register (again), or that its name is another's now. */
type Standing = "known" | "unknown" | "replaced";

function parse<T>(shape: z.ZodType<T>, payload: unknown): T {
  const parsed = shape.safeParse(payload);
  if (parsed.success) return parsed.data;
  throw new TerminalError("registry-request", `registry: ${z.prettifyError(parsed.error)}`);
}

class WorkerBook {
  readonly #options: RegistryOptions;
  readonly #now: () => number;
  readonly #workers = new Map<string, WorkerEntry>();
  #numericClass: NumericClass | null;
  #lastSweep: number;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#numericClass = options.numericClass;
    this.#lastSweep = this.#now();
  }

  /** How the worker's class differs, which refuses it; null: it is in. */
  register(info: WorkerInfo): string | null {
    this.#numericClass ??= info.numericClass;
    const difference = differenceOf(info.numericClass, classOfRole(this.#numericClass, info.role));
    if (difference !== null && this.#options.determinism === "exact") return difference;
    const time = this.#now();
    const entry = { ...info, state: "alive" as const, registeredAt: time, lastSeenAt: time };
    this.#workers.delete(info.id);
    this.#workers.set(info.id, entry);
    this.#forgetOldest();
    this.#options.onRegistered?.(entry);
    return null;
  }

  heartbeat({ id, address }: WorkerName): Standing {
    const entry = this.#workers.get(id);
    if (entry?.state !== "alive") return "unknown";
    if (entry.address !== address) return "replaced";
    this.#workers.set(id, { ...entry, lastSeenAt: this.#now() });
    return "known";
  }

  leave({ id, address }: WorkerName): null {
    if (this.#workers.get(id)?.address === address) this.#end(id);
    return null;
  }

  list(): readonly WorkerEntry[] {
    return [...this.#workers.values()];
  }

  sweep(): void {
    const time = this.#now();
    // A head that stood still has not heard anybody: the silence is its own.
    const stood = time - this.#lastSweep > 2 * heartbeatMs;
    this.#lastSweep = time;
    if (stood) return;
    for (const { id, state, lastSeenAt } of this.list()) {
      if (state === "alive" && time - lastSeenAt > workerGoneMs) this.#end(id);
    }
  }

  #end(id: string): void {
    const entry = this.#workers.get(id);
    if (entry?.state !== "alive") return;
    const gone = { ...entry, state: "gone" as const };
    this.#workers.set(id, gone);
    this.#options.onGone?.(gone);
  }

  #forgetOldest(): void {
    for (const [id, { state }] of this.#workers) {
      if (this.#workers.size <= workersMax) return;
      if (state === "gone") this.#workers.delete(id);
    }
  }
}
