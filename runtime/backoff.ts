// Waits between attempts. No jitter: placement and timing must stay reproducible in simulation.
import { setTimeout as wait } from "node:timers/promises";
import { ensureError } from "../events/index.ts";

const backoffMsMin = 100;
const backoffMsMax = 5_000;

/** The wait after attempt number `attempt` (from 1), in milliseconds. */
export function backoffMs(attempt: number): number {
  return Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(attempt - 1, 16));
}

/** Waits; rejects with the signal's reason when it is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, signal === undefined ? {} : { signal });
  } catch (thrown) {
    throw signal?.aborted ? ensureError(signal.reason) : thrown;
  }
}
