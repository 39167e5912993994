// Work that is done again after faults that pass.
import { setTimeout as sleep } from "node:timers/promises";
import { RetryableError } from "../events/index.ts";
import { waitMs, waitMsMax } from "./attempts.ts";

export interface RepeatOptions {
  /** Names the work: its waits are drawn from it (`waitMs`). */
  readonly name: readonly (string | number)[];
  readonly attemptsMax: number;
  /** Ends the waits. */
  readonly signal: AbortSignal;
}

/**
 * Does `work`, `attemptsMax` times at most, until it does not end in a `RetryableError`. An error
 * whose `waitMs` is a number says itself how long to wait, in milliseconds.
 *
 * @throws what `work` throws last; the signal's reason once it is aborted
 */
export async function repeat<T>(work: () => Promise<T>, options: RepeatOptions): Promise<T> {
  const { name, attemptsMax, signal } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof RetryableError) || attempt >= attemptsMax) throw thrown;
      const ms = Math.min(waitMsMax, askedMs(thrown) ?? waitMs(name, attempt));
      await sleep(ms, undefined, { signal });
    }
  }
}

function askedMs(error: RetryableError): number | null {
  return "waitMs" in error && typeof error.waitMs === "number" ? error.waitMs : null;
}
