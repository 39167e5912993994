// What the head records of the life of its workers: who came, who ended, and of what. No part of
// the result, and nobody waits for it.
import {
  type EventData,
  ensureError,
  event,
  RetryableError,
  sha256Hex,
  streams,
} from "../events/index.ts";
import { backoffMs, sleep, type WorkerEntry } from "../runtime/index.ts";
import type { Ledger } from "../storage/index.ts";

/** A worker's end. */
export interface WorkerEnd {
  readonly worker: string;
  readonly role: string;
  /** For people. */
  readonly cause: string;
  /** The process that ended, where it was a child of the head. */
  readonly process?: {
    readonly pid: number;
    readonly exitCode: number | null;
    readonly signal: string | null;
    /** Null: this host does not tell. */
    readonly outOfMemory: boolean | null;
    readonly lastLines: readonly string[];
  };
}

/** Lines of a worker's last words that are recorded. */
const lastLinesRecordedMax = 10;

export interface WorkerNotesOptions {
  readonly ledger: Pick<Ledger, "append">;
  /** Tells the head's own lives apart: numbers of workers' lives start over with each. */
  readonly lifeOfHead: string;
  readonly onFailed: (error: Error) => void;
}

export class WorkerNotes {
  readonly #options: WorkerNotesOptions;
  readonly #closing = new AbortController();

  constructor(options: WorkerNotesOptions) {
    this.#options = options;
  }

  registered({ id, role, pid, host, numericClass }: WorkerEntry): void {
    const data = { role, numericClass, observed: { pid, host } };
    this.#note(id, `registered ${id} ${host} ${pid}`, event("actor.registered", data));
  }

  /** @param life the life that has ended; null for a worker that never registered */
  ended({ worker, role, cause, process }: WorkerEnd, life: number | null): void {
    const data: EventData<"actor.ended"> = { role, cause };
    if (process !== undefined) {
      const { pid, exitCode, signal, outOfMemory } = process;
      const lastLines = process.lastLines.slice(-lastLinesRecordedMax);
      data.observed = { pid, exitCode, signal, outOfMemory, lastLines };
    }
    const which = life === null ? `process ${process?.pid}` : String(life);
    const command = `ended ${worker} ${which} ${this.#options.lifeOfHead}`;
    this.#note(worker, command, event("actor.ended", data));
  }

  close(): void {
    this.#closing.abort(new Error("the head is closed"));
  }

  #note(
    worker: string,
    command: string,
    noted: ReturnType<typeof event<"actor.registered" | "actor.ended">>,
  ): void {
    const parts = [{ stream: streams.actor(worker), expected: null, epoch: 0, events: [noted] }];
    const request = { command: sha256Hex(command), by: "head", trace: null, blobs: [], parts };
    const write = async (): Promise<void> => {
      for (let attempt = 1; ; attempt++) {
        try {
          await this.#options.ledger.append(request);
          return;
        } catch (thrown) {
          if (!(thrown instanceof RetryableError)) throw thrown;
        }
        await sleep(backoffMs(attempt), this.#closing.signal);
      }
    };
    write().catch((thrown: unknown) => {
      if (!this.#closing.signal.aborted) this.#options.onFailed(ensureError(thrown));
    });
  }
}
