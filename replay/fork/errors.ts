// What a run cannot be forked at.
import { TerminalError } from "../../events/index.ts";

/** A run has no such place, or did not keep what a fork would need there. */
export class ForkError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("fork", message, options);
  }
}
