// What can go wrong in a run that the world causes.
import { RetryableError, TerminalError } from "../events/index.ts";

/** A worker reported that it cannot go on. */
export class WorkerFaultError extends TerminalError {
  constructor(worker: string, code: string, message: string) {
    super("worker-fault", `${worker}: ${message}`, { facts: { worker, code } });
  }
}

/** Bytes in the ledger are not what the events say they are. */
export class EvidenceError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("evidence", message, options);
  }
}

/** A message that is none of ours. */
export class MessageError extends TerminalError {
  constructor(verb: string, reason: string) {
    super("message-malformed", `${verb}: ${reason}`);
  }
}

/** A run directory holds a run that was started differently. */
export class RunMismatchError extends TerminalError {
  /** @param difference what differs, where that can be said */
  constructor(what: string, difference: string | null = null) {
    const how = difference === null ? "" : ` (${difference})`;
    super(
      "run-mismatch",
      `the run was started with another ${what}${how}; ${mends[what] ?? again}`,
    );
  }
}

const again = "resume it with the config and the checkpoint that it was started with";
const mends: Readonly<Record<string, string>> = {
  "numeric class":
    "resume it with the build and on a host of the class that it was started on, " +
    "or start a run that is not strict about it",
};

/** Whoever was asked is gone; another will be asked. */
export class WorkerGoneError extends RetryableError {
  constructor(worker: string) {
    super("worker-gone", `${worker} is gone, or has begun a new life`);
  }
}
