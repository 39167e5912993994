// What can be wrong with a folder of a sentence-embedding model.
import { TerminalError } from "../../events/index.ts";

/** A folder that holds no sentence-embedding model that can be run. */
export class EmbedderError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("embedder", message, options);
  }
}
