// What can go wrong on the bus.
import { CancelledError, RetryableError, TerminalError } from "../../events/index.ts";

/** No answer in time. Whether the request was carried out is unknown. */
export class BusTimeoutError extends RetryableError {
  constructor(subject: string, timeoutMs: number) {
    super("bus-timeout", `${subject}: no answer within ${timeoutMs} ms`);
  }
}

/** Nobody serves the subject. */
export class BusUnansweredError extends RetryableError {
  constructor(subject: string) {
    super("bus-unanswered", `${subject}: nobody answers; is the head running? (varft ps)`);
  }
}

/** The server works on as many requests as it may. */
export class BusBusyError extends RetryableError {
  constructor(subject: string, max: number) {
    super("bus-busy", `${subject}: ${max} requests are in work already`);
  }
}

/** The connection was closed. */
export class BusClosedError extends CancelledError {
  constructor(subject: string) {
    super("bus-closed", `${subject}: the connection to the bus is closed`);
  }
}

/** A subject that does not fit the form `varft.<cluster>.<run>.<actor>.<verb>`. */
export class SubjectError extends TerminalError {
  constructor(token: string) {
    super(
      "bus-subject",
      `"${token}" cannot be part of a subject: use letters, digits, "_" and "-"`,
    );
  }
}

/** The bus cannot be reached, or refuses the token. */
export class BusConnectError extends RetryableError {
  constructor(url: string, cause: Error) {
    const mend = "start the head, or check bus.url and its token";
    super("bus-connect", `cannot connect to ${url}: ${cause.message}; ${mend}`, { cause });
  }
}

/** A message that is no request, answer or hint of ours. */
export class BusProtocolError extends TerminalError {
  constructor(subject: string) {
    super("bus-protocol", `${subject}: malformed message; do both ends run the same version?`);
  }
}
