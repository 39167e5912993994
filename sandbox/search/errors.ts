// What can go wrong with search at a server or from a store. None of it is ever an answer: a
// retryable fault is asked again under the same query, a terminal one stops the run.
import { RetryableError, TerminalError } from "../../events/index.ts";
import { plainWords } from "../../network/index.ts";

interface Reason extends ErrorOptions {
  readonly reason: string;
}

/** No answer came: refused, lost, or too slow. */
export class SearchUnreachableError extends RetryableError {
  constructor(request: string, { reason, cause }: Reason) {
    const mend = "start the server, or mend search.url; search.timeout_ms bounds one attempt";
    super("search/unreachable", `${request}: ${reason}; ${mend}`, { cause });
  }
}

/** The server says that it cannot just now. */
export class SearchBusyError extends RetryableError {
  /** What it asks to be waited, in milliseconds; null where it does not say. */
  readonly waitMs: number | null;

  constructor(request: string, status: number, words: string, waitMs: number | null) {
    const mend =
      status === 429
        ? "search.queries_per_second and search.requests_max bound what it is asked at once"
        : "its log says why";
    super("search/busy", `${request}: status ${status} (${plainWords(words)}); ${mend}`, {
      facts: { status },
    });
    this.waitMs = waitMs;
  }
}

/** An answer that broke on the way: no JSON, cut off, or beyond all bounds. */
export class SearchGarbledError extends RetryableError {
  constructor(request: string, { reason, cause }: Reason) {
    const mend = "is there a proxy before the server that answers for it, or cuts answers?";
    super("search/garbled", `${request}: the answer ${reason}; ${mend}`, { cause });
  }
}

/** The server refuses the request, and would again. */
export class SearchRefusedError extends TerminalError {
  readonly status: number;
  readonly words: string;

  constructor(request: string, status: number, words: string, mend: string) {
    const said = plainWords(words);
    super("search/refused", `${request}: status ${status} (${said}); ${mend}`, {
      facts: { status },
    });
    this.status = status;
    this.words = said;
  }
}

/** An answer that is none in the server's protocol. */
export class SearchProtocolError extends TerminalError {
  constructor(request: string, { reason, cause }: Reason) {
    const mend = "is search.url the right address, and search.type the right kind of server?";
    super("search/protocol", `${request}: the answer ${reason}; ${mend}`, { cause });
  }
}

/** The run has asked as many queries as it may. */
export class SearchBudgetError extends TerminalError {
  constructor(spent: number) {
    const mend =
      "raise queriesMax of search in the config.json of its folder, then go on with --resume";
    super("search/budget", `the run has asked ${spent} queries, all that it may; ${mend}`, {
      facts: { spent },
    });
  }
}

/** A key that is needed and not there, or that no header can carry. */
export class SearchKeyError extends TerminalError {
  constructor(variable: string, reason: string) {
    super("search/key", `${variable} ${reason}: search.api_key_variable names it`, {
      facts: { variable },
    });
  }
}

/** A query that was not recorded. */
export class SearchMissError extends TerminalError {
  constructor(query: string, store: string) {
    const mend = 'record it with search.mode = "record"';
    super("search/miss", `${store} has no answer to "${plainWords(query)}"; ${mend}`, {
      facts: { query },
    });
  }
}

/** A store of recorded answers that cannot be used. */
export class SearchStoreError extends TerminalError {
  constructor(store: string, { reason, cause }: Reason) {
    super("search/store", `${store} ${reason}`, { cause, facts: { store } });
  }
}
