// What can go wrong with a policy because of the world: files, configurations and requests.
import { TerminalError } from "../events/index.ts";

/** A `config.json` that does not describe a Qwen2.5-VL network that this code can build. */
export class ModelConfigError extends TerminalError {
  constructor(source: string, what: string, options: ErrorOptions = {}) {
    super("model.config", `${source}: ${what}`, { ...options, facts: { source } });
  }
}

/** A tensor that a graph needs and that was not given, or was given with another shape. */
export class TensorError extends TerminalError {
  constructor(name: string, what: string) {
    super("model.tensor", `tensor ${name}: ${what}`, { facts: { name } });
  }
}
