// Faults of datasets and task sources.
import { TerminalError } from "../events/index.ts";

/** A source was asked for something that it does not have. */
export class TaskSourceError extends TerminalError {
  constructor(message: string) {
    super("task-source", message);
  }
}

/** A row of a dataset that is not what its format says. */
export class DatasetRowError extends TerminalError {
  constructor(fault: { file: string; line: number; reason: string }, options: ErrorOptions = {}) {
    const { file, line, reason } = fault;
    super("dataset-row", `${file}:${line}: ${reason}`, { ...options, facts: { file, line } });
  }
}

/** A dataset file or image that cannot be read. */
export class DatasetFileError extends TerminalError {
  constructor(message: string, options?: ErrorOptions) {
    super("dataset-file", message, options);
  }
}

/** A file of predictions that cannot be scored. */
export class PredictionFileError extends TerminalError {
  constructor(message: string, options: PredictionFileErrorOptions = {}) {
    super("prediction-file", message, options);
  }
}

interface PredictionFileErrorOptions extends ErrorOptions {
  readonly facts?: Readonly<Record<string, unknown>>;
}
