// Following the ledger: a cursor over the global sequence. Publishes are hints; what counts is what
// can be read, so a follower reads on start, on a hint, and now and then without one.
//
// 1. The handler sees every event from the cursor on, once, in global order, one at a time.
// 2. A lost, early, late or doubled hint changes nothing but the delay.
// 3. The cursor lives in memory: after a restart the follower begins where its owner says, so a
//    handler must stand seeing an event again.
import { setTimeout } from "node:timers/promises";
import type { LedgerReader, StoredEvent } from "./ledger.ts";

/** How long a follower sleeps without a hint, in milliseconds. */
export const followMsDefault = 1_000;

export interface FollowOptions {
  /** The first global sequence number to handle, from 1. */
  readonly from: number;
  /** Sleep without a hint, in milliseconds. */
  readonly intervalMs?: number;
  /** Waits; ends early (by throwing) when the signal says so. For a simulated clock. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A running follower. */
export interface Follower {
  /** The next global sequence number to handle. */
  readonly cursor: number;
  /** There may be something to read. Costs nothing when there is not. */
  hint(): void;
  /** Stops after the event at hand. */
  close(): Promise<void>;
  /** Ends when the follower is closed, or throws what the handler or the ledger threw. */
  readonly done: Promise<void>;
}

/** Hands every event of `ledger` from `options.from` on to `handle`, for ever. */
export function follow(
  ledger: Pick<LedgerReader, "readAll">,
  handle: (stored: StoredEvent) => Promise<void> | void,
  options: FollowOptions,
): Follower {
  return new LedgerFollower(ledger, handle, options);
}

class LedgerFollower implements Follower {
  readonly done: Promise<void>;
  readonly #ledger: Pick<LedgerReader, "readAll">;
  readonly #handle: (stored: StoredEvent) => Promise<void> | void;
  readonly #intervalMs: number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #cursor: number;
  #isClosed = false;
  #isHinted = false;
  #wake = new AbortController();

  constructor(
    ledger: Pick<LedgerReader, "readAll">,
    handle: (stored: StoredEvent) => Promise<void> | void,
    options: FollowOptions,
  ) {
    this.#ledger = ledger;
    this.#handle = handle;
    this.#cursor = options.from;
    this.#intervalMs = options.intervalMs ?? followMsDefault;
    this.#sleep = options.sleep ?? sleepUnref;
    this.done = this.#run();
    // Who awaits `done` sees the failure; until then it must not end the process.
    this.done.catch(() => {});
  }

  get cursor(): number {
    return this.#cursor;
  }

  hint(): void {
    this.#isHinted = true;
    this.#wake.abort();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.hint();
    await this.done.catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#isHinted = false;
      const isMore = await this.#readPage();
      if (isMore || this.#isHinted) continue;
      await this.#rest();
    }
  }

  async #readPage(): Promise<boolean> {
    const page = await this.#ledger.readAll(this.#cursor);
    for (const stored of page) {
      if (this.#isClosed) return false;
      await this.#handle(stored);
      this.#cursor = stored.global + 1;
    }
    return page.length > 0;
  }

  async #rest(): Promise<void> {
    this.#wake = new AbortController();
    const { signal } = this.#wake;
    try {
      await this.#sleep(this.#intervalMs, signal);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }
}

async function sleepUnref(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal, ref: false });
}
