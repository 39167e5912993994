// What can go wrong between two ends of a connection. Rooms give these their own words and mends.
import { RetryableError } from "../events/index.ts";

/**
 * - `unreachable`: no server has heard of the request.
 * - `late`, `lost`: no answer came in time, or the connection went; who knows what was done.
 * - `cut-off`, `too-large`: an answer came, but not whole, or more than is read.
 */
export type ExchangeFault = "unreachable" | "late" | "lost" | "cut-off" | "too-large";

interface ExchangeFacts extends ErrorOptions {
  readonly kind: ExchangeFault;
  /** Without the request's name, and of an answer without "the answer". */
  readonly reason: string;
}

/** No whole answer came. */
export class ExchangeError extends RetryableError {
  readonly kind: ExchangeFault;
  readonly reason: string;

  constructor(request: string, { kind, reason, cause }: ExchangeFacts) {
    const what = kind === "cut-off" || kind === "too-large" ? "the answer " : "";
    super(`http-${kind}`, `${request}: ${what}${reason}`, { cause });
    this.kind = kind;
    this.reason = reason;
  }
}
