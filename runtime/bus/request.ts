// Repeats a request under one id until it is answered, refused, or out of attempts.
import { setMaxListeners } from "node:events";
import { ensureError, RetryableError } from "../../events/index.ts";
import { backoffMs, sleep } from "../backoff.ts";
import { type RequestOptions, requestAttemptsMax, requestTimeoutMs } from "./bus.ts";

/**
 * Codes of errors after which the bus itself tries again; a handler's own errors go to the caller.
 */
const repeated: ReadonlySet<string> = new Set(["bus-timeout", "bus-unanswered", "bus-busy"]);

/**
 * The requests of one connection: repeats them, and ends them all when the connection is closed.
 */
export class Requests {
  readonly #rejects = new Set<(error: Error) => void>();
  readonly #closing = new AbortController();

  constructor() {
    setMaxListeners(0, this.#closing.signal); // one listener per request that waits for its turn
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Tries `once` until it is answered, refused, out of attempts, aborted or closed. */
  async repeat(
    once: (timeoutMs: number) => Promise<unknown>,
    options: RequestOptions,
  ): Promise<unknown> {
    const { signal } = options;
    signal?.throwIfAborted();
    let reject = (_: Error): void => {};
    const stopped = new Promise<never>((_, rejected) => {
      reject = rejected;
    });
    const abort = (): void => reject(ensureError(signal?.reason));
    this.#rejects.add(reject);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([this.#attempts(once, options), stopped]);
    } finally {
      this.#rejects.delete(reject);
      signal?.removeEventListener("abort", abort);
    }
  }

  close(error: Error): void {
    this.#closing.abort(error);
    for (const reject of this.#rejects) reject(error);
  }

  async #attempts(
    once: (timeoutMs: number) => Promise<unknown>,
    { timeoutMs = requestTimeoutMs, attemptsMax = requestAttemptsMax, signal }: RequestOptions,
  ): Promise<unknown> {
    const closing = this.#closing.signal;
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(timeoutMs);
      } catch (thrown) {
        const again = thrown instanceof RetryableError && repeated.has(thrown.code);
        if (!again || attempt >= attemptsMax) throw thrown;
      }
      const stop = signal === undefined ? closing : AbortSignal.any([signal, closing]);
      await sleep(backoffMs(attempt), stop);
    }
  }
}
