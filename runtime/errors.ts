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
