// What can go wrong with the tools' world that is not the program's doing.
import { CancelledError, RetryableError, TerminalError } from "../events/index.ts";

/** No container could run the call, several times over. The same call may succeed later. */
export class SandboxUnavailableError extends RetryableError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("sandbox/unavailable", message, options);
  }
}

/** The Docker engine does not answer. */
export class EngineUnreachableError extends RetryableError {
  constructor(socket: string, options: ErrorOptions = {}) {
    super(
      "sandbox/engine-unreachable",
      `the Docker engine does not answer on ${socket}: ${reason(options.cause)}. ` +
        "Start it or install it with: bash scripts/setup.sh",
      { ...options, facts: { socket } },
    );
  }
}

/** The engine answers, but has no sandbox image of this version. */
export class SandboxImageMissingError extends TerminalError {
  constructor(tag: string, options: ErrorOptions & { packages?: readonly string[] } = {}) {
    const { packages = [], ...rest } = options;
    const added = [...new Set(packages)].sort().join(" ");
    const variable = added === "" ? "" : `VARFT_SANDBOX_PACKAGES="${added}" `;
    super(
      "sandbox/image-missing",
      `the Docker engine has no image ${tag}. Build it with: ${variable}bash scripts/setup.sh`,
      { ...rest, facts: { tag } },
    );
  }
}

/** A request beyond its limits: the caller's fault, not the program's. */
export class SandboxRequestError extends TerminalError {
  constructor(message: string) {
    super("sandbox/request", message);
  }
}

/** A setting that this engine cannot honour. */
export class SandboxSettingError extends TerminalError {
  constructor(message: string) {
    super("sandbox/setting", message);
  }
}

/** The call's signal was aborted, or the sandbox closed under it. */
export class SandboxCancelledError extends CancelledError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("sandbox/cancelled", message, options);
  }
}

/** A runner, its container or the way to it is gone. Inside this room only: the pool repeats. */
export class RunnerLostError extends RetryableError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("sandbox/runner-lost", message, options);
  }
}

/** A runner's container ran out of its own memory, and the kernel took the runner. */
export class RunnerStarvedError extends RetryableError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("sandbox/runner-starved", message, options);
  }
}

/**
 * A runner said nothing while a program ran in it, though the engine says that its container runs.
 */
export class RunnerSilentError extends RetryableError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("sandbox/runner-silent", message, options);
  }
}

/** A corpus line that is not `{"id", "contents"}`. */
export class CorpusError extends TerminalError {
  constructor(message: string, options: ErrorOptions & { path: string; line: number }) {
    const { path, line, ...rest } = options;
    super("sandbox/corpus", `${path}:${line}: ${message}`, { ...rest, facts: { path, line } });
  }
}

/** The index of a corpus cannot be made or read. */
export class IndexError extends TerminalError {
  constructor(message: string, options: ErrorOptions & { readonly folder: string }) {
    const { folder, ...rest } = options;
    const mend = "free space or rights there, delete it, or name another folder as search.index";
    const why = rest.cause === undefined ? "" : ` (${reason(rest.cause)})`;
    super("sandbox/index", `the index ${folder} ${message}${why}: ${mend}`, {
      ...rest,
      facts: { folder },
    });
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : "no reason given";
}
