// What can be wrong with a configuration.
import { TerminalError } from "../events/index.ts";

/** Where a fault stands: a line of the file, or one of the command line's overrides. */
export interface ConfigPlace {
  /** Dotted, as it is written in the file: `evaluation.sets.0.count`. */
  readonly key: string;
  /** `FILE:LINE`, or the override. */
  readonly place: string;
  /** What is wrong, and the mend where one is known. */
  readonly reason: string;
}

/** At most so many faults are told at once. */
const faultsToldMax = 8;

/** A configuration that cannot be read or does not say what to do. */
export class ConfigError extends TerminalError {
  constructor(faults: readonly ConfigPlace[], options: ErrorOptions = {}) {
    const told = faults.slice(0, faultsToldMax).map(({ place, reason }) => `${place}: ${reason}`);
    const untold = faults.length - told.length;
    if (untold > 0) told.push(`… and ${untold} more`);
    super("config", told.join("\n"), { ...options, facts: { faults } });
  }
}
