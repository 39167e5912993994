// What can go wrong with an engine at another server. None of it is ever a reward: a retryable
// fault is tried again under the same numbers, a terminal one stops the run.
import { RetryableError, TerminalError } from "../../../events/index.ts";
import { plainWords } from "../../../network/index.ts";

interface Reason extends ErrorOptions {
  readonly reason: string;
}

/** No answer came: refused, cut off, or too slow. */
export class EngineUnreachableError extends RetryableError {
  constructor(request: string, { reason, cause }: Reason) {
    const mend = "start the server, or mend rollout.engine.url";
    super("engine-unreachable", `${request}: ${reason}; ${mend}`, { cause });
  }
}

/** The server says that it cannot just now. */
export class EngineBusyError extends RetryableError {
  /** What it asks to be waited, in milliseconds; null where it does not say. */
  readonly waitMs: number | null;

  constructor(request: string, status: number, words: string, waitMs: number | null) {
    const mend = "its log says why; rollout.engine.requests_max bounds what it is asked at once";
    super("engine-busy", `${request}: status ${status} (${plainWords(words)}); ${mend}`, {
      facts: { status },
    });
    this.waitMs = waitMs;
  }
}

/** An answer that broke on the way: no JSON, or cut off. */
export class EngineGarbledError extends RetryableError {
  constructor(request: string, { reason, cause }: Reason) {
    const mend = "is there a proxy before the server that cuts answers?";
    super("engine-garbled", `${request}: the answer ${reason}; ${mend}`, { cause });
  }
}

/** The server refuses the request, and would again. */
export class EngineRefusedError extends TerminalError {
  readonly status: number;
  /** What the server said. */
  readonly words: string;

  constructor(request: string, status: number, words: string, mend: string) {
    const said = plainWords(words);
    super("engine-refused", `${request}: status ${status} (${said}); ${mend}`, {
      facts: { status },
    });
    this.status = status;
    this.words = said;
  }
}

/** An answer that is none in the server's protocol, or contradicts what was asked. */
export class EngineProtocolError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("engine-protocol", message, options);
  }
}

/** The server is set up in a way that would make a wrong run. */
export class EngineSetupError extends TerminalError {
  constructor(message: string) {
    super("engine-setup", message);
  }
}

/** The adapter of a policy did not get to the server as it is. */
export class EngineAdapterError extends TerminalError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("engine-adapter", message, options);
  }
}
