// The leash: a pipe from the head to each of its children. When the head is gone, however it went,
// the pipe closes, and the child ends. Nothing a head started outlives it.
import { Socket } from "node:net";

/** The file descriptor under which a child finds its leash. */
export const leashDescriptor = 3;
/** Names the descriptor to the child; without it there is no leash to hold. */
export const leashVariable = "VARFT_LEASH";
/** Time that a child has to end in order after the leash closed, in milliseconds. */
export const leashGraceMs = 5_000;
/** The exit code of a child that did not end in order in that time. */
export const leashExitCode = 70;

export interface Leash {
  /** Aborted when the head is gone or wants this process to end. */
  readonly signal: AbortSignal;
  /** Whether a head started this process. */
  readonly isHeld: boolean;
}

/**
 * Called once at the start of a worker process. Ends the process `leashGraceMs` after the head is
 * gone or has let go, unless it ended by itself. Without a leash (a worker on another host) nothing
 * happens.
 */
export function holdLeash(environment: Readonly<Record<string, string | undefined>>): Leash {
  const gone = new AbortController();
  if (environment[leashVariable] !== String(leashDescriptor))
    return { signal: gone.signal, isHeld: false };
  const pipe = new Socket({ fd: leashDescriptor, readable: true, writable: false });
  const end = (): void => {
    if (gone.signal.aborted) return;
    gone.abort(new Error("the head let go of the leash"));
    setTimeout(() => process.exit(leashExitCode), leashGraceMs).unref();
  };
  for (const event of ["end", "close", "error"]) pipe.on(event, end);
  pipe.resume();
  pipe.unref();
  return { signal: gone.signal, isHeld: true };
}
