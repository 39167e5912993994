// How a request is repeated: after which answers, and after which wait. Pure.
import type { IncomingHttpHeaders } from "node:http";
import { RandomStream } from "../events/index.ts";

/** Statuses that pass: the server is starting, overloaded or has lost what is behind it. */
export const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The wait after the first attempt, in milliseconds, before jitter. */
const waitMsFirst = 250;
/** The longest wait between two attempts, in milliseconds. */
export const waitMsMax = 30_000;

/**
 * The wait after attempt number `attempt` (from 1), in milliseconds. Doubles with each; half of it
 * is drawn, so that those who failed together part.
 *
 * @param name what is asked: the same request waits the same, whenever it is made
 */
export function waitMs(name: readonly (string | number)[], attempt: number): number {
  const full = Math.min(waitMsMax, waitMsFirst * 2 ** Math.min(attempt - 1, 16));
  return full * (0.5 + 0.5 * new RandomStream(...name, attempt).uniform());
}

/**
 * What an answer asks to be waited (RFC 9110, 10.2.3), in milliseconds; null where it does not say.
 * A date is read against the answer's own `Date`, so that no clock of ours counts.
 */
export function retryAfterMs(headers: IncomingHttpHeaders): number | null {
  const value = headers["retry-after"]?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const ms = Date.parse(value) - Date.parse(headers.date ?? "");
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
