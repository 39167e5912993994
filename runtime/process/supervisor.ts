// Keeps a worker process alive: starts it again after growing waits, and parks it when it keeps
// dying.
import { TerminalError } from "../../events/index.ts";
import { backoffMs, sleep } from "../backoff.ts";
import { Intensity } from "../intensity.ts";
import { type Death, describeDeath, type WorkerProcess } from "./worker-process.ts";

/** Deaths within `intensityWindowMs` that park a worker. */
export const deathsMax = 5;
/** The time over which deaths count, in milliseconds. */
export const intensityWindowMs = 60_000;

/** A worker that died too often to be started again. */
export class CrashLoopError extends TerminalError {
  constructor(role: string, death: Death) {
    super(
      "crash-loop",
      `${role} died ${deathsMax} times within ${intensityWindowMs / 1000} s and is parked; ` +
        `the last time by ${describeDeath(death)}`,
      { facts: { role, ...death } },
    );
  }
}

/** What happens to a supervised worker. */
export type WorkerChange =
  | { readonly kind: "started"; readonly role: string; readonly pid: number }
  | { readonly kind: "died"; readonly role: string; readonly pid: number; readonly death: Death }
  | { readonly kind: "parked"; readonly role: string; readonly error: Error };

export interface SupervisorOptions {
  readonly spawn: () => Promise<WorkerProcess>;
  readonly onChange: (change: WorkerChange) => void;
  /** Milliseconds on any clock that does not jump. */
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Supervised {
  /** The worker that runs now; null between two, and at the end. */
  readonly current: WorkerProcess | null;
  /** Resolves when the worker ended with code 0, or was stopped; rejects when it is parked. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Starts a worker and keeps it alive until it ends with code 0, is stopped, or is parked. */
export function supervise(role: string, options: SupervisorOptions): Supervised {
  const { spawn, onChange, now = () => performance.now(), sleep: wait = sleep } = options;
  const stopping = new AbortController();
  let current: WorkerProcess | null = null;

  const run = async (): Promise<void> => {
    const deaths = new Intensity(intensityWindowMs);
    while (!stopping.signal.aborted) {
      current = await spawn();
      const { pid } = current;
      onChange({ kind: "started", role, pid });
      if (stopping.signal.aborted) void current.stop();
      const death = await current.died;
      current = null;
      if (stopping.signal.aborted || death.exitCode === 0) return;
      onChange({ kind: "died", role, pid, death });
      const recent = deaths.note(now());
      if (recent >= deathsMax) throw new CrashLoopError(role, death);
      await wait(backoffMs(recent), stopping.signal).catch(() => {});
    }
  };

  const ended = run().catch((error: Error) => {
    onChange({ kind: "parked", role, error });
    throw error;
  });
  ended.catch(() => {}); // whoever awaits `ended` sees it; others were told by `onChange`
  return {
    get current() {
      return current;
    },
    ended,
    stop: async () => {
      stopping.abort(new Error("stopped"));
      await current?.stop();
      await ended.catch(() => {});
    },
  };
}
