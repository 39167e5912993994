// What can go wrong in a run that the world causes.
import { TerminalError } from "../events/index.ts";

/** A worker reported that it cannot go on. */
export class WorkerFaultError extends TerminalError {
  constructor(worker: string, code: string, message: string) {
    super("worker-fault", `${worker}: ${message}`, { details: { worker, code } });
  }
}

/** Bytes in the ledger are not what the events say they are. */
export class EvidenceError extends TerminalError {
  constructor(message: string) {
    super("evidence", message);
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
  constructor(what: string) {
    super(
      "run-mismatch",
      `the run was started with another ${what}; resume it with the config it was started with`,
    );
  }
}
