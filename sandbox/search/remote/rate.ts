// How fast a server is asked: a bucket of tokens that fills at a steady rate, one for each request.
// A server that asks to be left alone for a while is, by everyone.
import { setTimeout as wait } from "node:timers/promises";

/** Time as it passes here, so that tests have one of their own. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Waits; rejects when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }),
};

export class TokenBucket {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  /** When the next token is there; of one token at most, so that nothing is asked in bursts. */
  #nextMs = 0;
  #heldUntilMs = 0;

  /** @param perSecond tokens; infinity: no limit */
  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#intervalMs = 1_000 / perSecond;
  }

  /** Waits for a token; those who come first have theirs first. */
  async take(signal: AbortSignal): Promise<void> {
    const atMs = Math.max(this.#clock.now(), this.#nextMs);
    this.#nextMs = atMs + this.#intervalMs;
    await this.#until(atMs, signal);
    // Somebody may have been asked to wait while we slept.
    while (this.#heldUntilMs > this.#clock.now()) await this.#until(this.#heldUntilMs, signal);
  }

  /** Nobody has a token for `ms` milliseconds from now. */
  hold(ms: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#clock.now() + ms);
  }

  async #until(atMs: number, signal: AbortSignal): Promise<void> {
    const ms = atMs - this.#clock.now();
    if (ms > 0) await this.#clock.sleep(ms, signal);
  }
}
