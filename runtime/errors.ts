// What can go wrong between processes and inside the host.
import { CancelledError, RetryableError, TerminalError } from "../events/index.ts";

/** More commands wait for one instance than its mailbox holds. */
export class MailboxFullError extends RetryableError {
  constructor(stream: string, max: number) {
    super("mailbox-full", `${stream}: ${max} commands are waiting already; try again later`);
  }
}

/** An instance that was parked after an error that trying again does not mend. */
export class ActorParkedError extends TerminalError {
  constructor(stream: string, cause: Error) {
    const mend = "mend the cause and restart the run with --resume";
    super("actor-parked", `${stream} is parked: ${cause.message}; ${mend}`, { cause });
  }
}

/** A command came after the host was closed. */
export class HostClosedError extends CancelledError {
  constructor(type: string) {
    super("host-closed", `the host of ${type} is closed`);
  }
}

/** The head's ledger has failed or is closed: that head ends, and the next one will answer. */
export class LedgerAwayError extends RetryableError {
  constructor(reason: string, options: { readonly cause: unknown }) {
    super("ledger-away", `the head of the run writes no more: ${reason}`, options);
  }
}

const outOfReach: ReadonlySet<string> = new Set([
  ...["bus-timeout", "bus-unanswered", "bus-busy", "ledger-away"],
]);

/** Whether `error` says that the head is away, and nothing about the work that was under way. */
export function isOutOfReach(error: Error): boolean {
  return error instanceof RetryableError && outOfReach.has(error.code);
}
