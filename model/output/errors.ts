// Faults of what goes out and of adapters that come in. All are terminal.
import { TerminalError } from "../../events/index.ts";

/** An adapter folder that is missing, damaged, of another model, or asks for what is not read. */
export class AdapterError extends TerminalError {}

/** A folder that cannot take what is to be written. */
export class OutputError extends TerminalError {}
