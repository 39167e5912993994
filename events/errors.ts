// The error taxonomy. The class says what the runtime does next, the code names the fault for
// machines, and the message names the thing, the place and the mend for people.
// Our own mistakes are not here: they are assertions (`assert` below) and end the process.

/**
 * What the runtime does with an error: stop, try again under the same id, or take note and leave.
 */
export type ErrorPolicy = "terminal" | "retryable" | "cancelled";

interface VarftErrorOptions extends ErrorOptions {
  /** Facts for machines: file, line, key, limit. Never secrets. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** Base of every error that the world can cause. Rooms derive theirs in their own `errors.ts`. */
export abstract class VarftError extends Error {
  abstract readonly policy: ErrorPolicy;
  readonly code: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: VarftErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.facts = options.facts ?? {};
  }
}

/** Trying again changes nothing: bad input, a refused command, a broken file. */
export class TerminalError extends VarftError {
  override readonly policy = "terminal";
}

/** The same call under the same id may succeed: a lost connection, a busy engine. */
export class RetryableError extends VarftError {
  override readonly policy = "retryable";
}

/** Somebody asked for the end: Ctrl-C, a cancelled run, a closed lease. */
export class CancelledError extends VarftError {
  override readonly policy = "cancelled";
}

/** A broken promise of ours. Never caught to go on. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Ends the process (through an uncaught error) when one of our own invariants is broken. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Turns whatever was thrown into an `Error`, keeping the original as its cause. */
export function ensureError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
