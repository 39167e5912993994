// What can go wrong with a chat server. None of it is ever scored: what passes is tried again, what
// does not ends the evaluation, which can be resumed.
import { RetryableError, TerminalError } from "../../../events/index.ts";
import { plainWords } from "../../../network/index.ts";

interface Passing extends ErrorOptions {
  readonly waitMs?: number | null;
}

/** It gave no answer, or none that is one, and may give one yet. */
export class ChatServerError extends RetryableError {
  /** What it asks to be waited, in milliseconds; null where it does not say. */
  readonly waitMs: number | null;

  constructor(reason: string, { waitMs = null, ...options }: Passing = {}) {
    super("chat-server", `${reason}; is it there, and is policy.url its root?`, options);
    this.waitMs = waitMs;
  }
}

/** It refuses the request, and would again. */
export class ChatRefusedError extends TerminalError {
  readonly status: number;

  constructor(request: string, status: number, words: string) {
    const said = plainWords(words);
    super("chat-refused", `${request}: status ${status} (${said}); ${mendOf(status, said)}`, {
      facts: { status },
    });
    this.status = status;
  }
}

/** The evaluation is set up in a way that cannot work. */
export class ChatSetupError extends TerminalError {
  constructor(message: string) {
    super("chat-setup", message);
  }
}

function mendOf(status: number, words: string): string {
  if (status === 401 || status === 403) return "name the API key by policy.api_key_variable";
  if (words.includes("max_completion_tokens")) {
    return 'set policy.tokens_field = "max_completion_tokens"';
  }
  if (words.includes("temperature")) return "set greedy = false in the sets, at temperature 1";
  if (status === 404)
    return "is policy.model the name that its /v1/models tells, and url its root?";
  return "mend policy, or what is asked: rollout.turn_tokens_max bounds an answer";
}
