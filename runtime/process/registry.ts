// Who works for a run: workers register over the bus, are checked, and are watched by heartbeats.
//
// 1. A worker of another numeric class is refused, and told how the classes differ, unless the run
//    tolerates differences (I4).
// 2. A worker that was silent for `workerGoneMs` is gone; if it speaks again, it registers again.
//    Its leases protect the ledger meanwhile, so this is about who gets new work, not about safety.
// 3. A name is one process's: the one that registered last. The one before is told, and ends.
// 4. The list lives in the head's memory: after a restart, workers register again by themselves.
import { z } from "zod";
import { type NumericClass, TerminalError } from "../../events/index.ts";
import { type Bus, type Subscription, subjectOf } from "../bus/index.ts";
import { classOfRole, differenceOf } from "./numeric-class.ts";
import {
  heartbeatMs,
  type RegistryAddress,
  type Standing,
  type WorkerInfo,
  type WorkerName,
  workerNameShape,
  workerShape,
} from "./worker-info.ts";

/**
 * The silence after which a worker counts as gone, in milliseconds. A call of the engine holds up
 * the worker's loop, heartbeats included, so this must be longer than such a call. The death of a
 * child of the head is known at once.
 */
export const workerGoneMs = 60_000;
/** Workers that the list remembers, the gone ones included. */
export const workersMax = 4_096;

/** A worker as the head lists it. Times are milliseconds of the registry's clock. */
export interface WorkerEntry extends WorkerInfo {
  readonly state: "alive" | "gone";
  readonly registeredAt: number;
  readonly lastSeenAt: number;
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
    bus.serve(subject("register"), async (payload) => book.register(parse(workerShape, payload))),
    bus.serve(subject("heartbeat"), async (payload) =>
      book.heartbeat(parse(workerNameShape, payload)),
    ),
    bus.serve(subject("leave"), async (payload) => book.leave(parse(workerNameShape, payload))),
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
