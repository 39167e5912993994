// What can go wrong on the bus.
import { CancelledError, ensureError, RetryableError, TerminalError } from "../../events/index.ts";

/** No answer in time. Whether the request was carried out is unknown. */
export class BusTimeoutError extends RetryableError {
  constructor(subject: string, timeoutMs: number) {
    super("bus-timeout", `${subject}: no answer within ${timeoutMs} ms`);
  }
}

/** Nobody serves the subject. */
export class BusUnansweredError extends RetryableError {
  constructor(subject: string) {
    super("bus-unanswered", `${subject}: nobody answers; is the head of the run running?`);
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
  constructor(url: string, options: { readonly cause: unknown }) {
    const mend = "start the head, or check bus.url and its token";
    const reason = ensureError(options.cause).message;
    super("bus-connect", `cannot connect to ${url}: ${reason}; ${mend}`, options);
  }
}

/** A message that is no request, answer or hint of ours. */
export class BusProtocolError extends TerminalError {
  constructor(subject: string) {
    super("bus-protocol", `${subject}: malformed message; do both ends run the same version?`);
  }
}

/** The private bus needs a program that is not there. */
export class NatsServerMissingError extends TerminalError {
  constructor(binary: string) {
    const mend = "install it (for example: apt-get install nats-server), or set bus.url";
    super("nats-server-missing", `cannot start ${binary}: not found; ${mend}`);
  }
}

/** Somebody else listens on the port that the run's workers know. */
export class NatsPortInUseError extends RetryableError {
  constructor(port: number, file: string) {
    const mend = `stop what listens there, or delete ${file} (running workers then lose the run)`;
    super("nats-port-in-use", `port ${port} of 127.0.0.1 is in use; ${mend}`);
  }
}

/** The bus is that of another head now, which has taken the run over. */
export class NatsTakenOverError extends TerminalError {
  constructor(pid: number) {
    const why = "another head has taken this run over while this one stood still";
    super("nats-taken-over", `the bus is served by process ${pid}: ${why}; the run goes on there`);
  }
}

/** The private bus ended, and starting it again did not help. */
export class NatsServerError extends TerminalError {
  constructor(reason: string, log: readonly string[]) {
    super("nats-server-failed", `nats-server ${reason}; its last words: ${log.join(" | ")}`);
  }
}
