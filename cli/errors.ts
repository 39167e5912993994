// What a person can get wrong at the command line.
import { CancelledError, TerminalError } from "../events/index.ts";

/** The words of the command do not make a command. */
export class UsageError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("usage", message, options);
  }
}

/** There is no such run, trajectory or benchmark. */
export class NotFoundError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("not-found", message, options);
  }
}

/** Ctrl-C, or a polite kill. */
export class InterruptedError extends CancelledError {
  constructor(signal: string) {
    super("interrupted", `stopped by ${signal}`);
  }
}

/** Who read standard output has gone, as `| head` does when it has enough. */
export class OutputClosedError extends CancelledError {
  constructor(options: ErrorOptions) {
    super("output-closed", "nobody reads standard output any more", options);
  }
}

/** A run stopped half-way for the reason in the message. What it recorded is kept. */
export class RunStoppedError extends TerminalError {
  constructor(reason: string, resume: string, options: { readonly cause: unknown }) {
    super("run-stopped", `${reason}\nNothing recorded is lost. Go on with: ${resume}`, options);
  }
}
