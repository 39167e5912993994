// Repeats a request under one id until it is answered, refused, or out of attempts.
import { RetryableError } from "../../events/index.ts";
import { backoffMs, sleep } from "../backoff.ts";
import { type RequestOptions, requestAttemptsMax, requestTimeoutMs } from "./bus.ts";

/** Codes of errors after which the bus itself tries again; a handler's own errors go to the caller. */
const repeated: ReadonlySet<string> = new Set(["bus-timeout", "bus-unanswered", "bus-busy"]);

export async function repeatRequest(
  once: (timeoutMs: number) => Promise<unknown>,
  options: RequestOptions,
): Promise<unknown> {
  const { timeoutMs = requestTimeoutMs, attemptsMax = requestAttemptsMax, signal } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await untilAborted(once(timeoutMs), signal);
    } catch (thrown) {
      const again = thrown instanceof RetryableError && repeated.has(thrown.code);
      if (!again || attempt >= attemptsMax) throw thrown;
    }
    await sleep(backoffMs(attempt), signal);
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => {});
  }
}
