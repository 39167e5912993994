// Mistakes in how a graph is put together. They are ours, never the world's, but they carry the
// operation and its place because a graph is built far from where it fails.
import { AssertionError } from "../../events/index.ts";

/** An operation with operands that do not fit, or a gradient that does not exist. */
export class GraphError extends AssertionError {
  readonly op: string;

  constructor(op: string, what: string) {
    super(`${op}: ${what}`);
    this.op = op;
  }
}
