// One question to a chat server, `/v1/chat/completions`, until it is answered: bounded in number,
// time, size and attempts. The API key goes into one header and nowhere else.
import { z } from "zod";
import {
  ExchangeError,
  errorWords,
  exchange,
  type HttpAnswer,
  type HttpRequest,
  passingStatuses,
  plainWords,
  repeat,
  requestName,
  retryAfterMs,
  Slots,
} from "../../../network/index.ts";
import { ChatRefusedError, ChatServerError } from "./errors.ts";

/** Size of an answer, in bytes. */
const answerBytesMax = 8 * 2 ** 20;

export interface ChatClientOptions {
  /** The server's root: `http://host:port`. */
  readonly url: string;
  readonly apiKey: string | null;
  /** For one attempt. */
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  /** Requests under way at once; more wait here. */
  readonly requestsMax: number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** What came back. */
export interface ChatAnswer {
  readonly text: string;
  readonly finish: "stop" | "length";
  /** The server's own word for why it ended, and what it counted. */
  readonly observed: Readonly<Record<string, unknown>>;
}

const answerSchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z
    .object({ prompt_tokens: z.number().nullish(), completion_tokens: z.number().nullish() })
    .nullish(),
});

export class ChatClient {
  readonly #options: ChatClientOptions;
  readonly #slots: Slots;

  constructor(options: ChatClientOptions) {
    this.#options = options;
    this.#slots = new Slots(options.requestsMax);
  }

  /**
   * Asks, and asks again after faults that pass.
   *
   * @param name draws the waits between attempts
   * @throws ChatServerError after the last attempt, ChatRefusedError at once
   */
  async complete(body: Readonly<Record<string, unknown>>, name: string): Promise<ChatAnswer> {
    const request = this.#request("POST", "/v1/chat/completions", body);
    return this.#ask(request, name, (text) => answerOf(requestName(request), text));
  }

  /**
   * Makes sure that somebody is there and takes the key. Servers without a list of models are
   * taken.
   *
   * @throws ChatServerError, ChatRefusedError
   */
  async greet(): Promise<void> {
    const request = this.#request("GET", "/v1/models");
    try {
      await this.#ask(request, "greet", () => null);
    } catch (thrown) {
      const isListless = thrown instanceof ChatRefusedError && [404, 405].includes(thrown.status);
      if (!isListless) throw thrown;
    }
  }

  #request(method: "GET" | "POST", path: string, body?: unknown): HttpRequest {
    const { url, apiKey } = this.#options;
    const headers = apiKey === null ? {} : { headers: { authorization: `Bearer ${apiKey}` } };
    return { method, url: `${url.replace(/\/$/, "")}${path}`, ...headers, body };
  }

  async #ask<T>(request: HttpRequest, name: string, read: (text: string) => T): Promise<T> {
    const { attemptsMax, signal } = this.#options;
    const attempt = async () => read(await this.#attempt(request));
    const options = { name: ["chat-wait", name], attemptsMax, signal };
    return repeat(() => this.#slots.use(attempt), options);
  }

  async #attempt(request: HttpRequest): Promise<string> {
    const { timeoutMs, signal } = this.#options;
    let answer: HttpAnswer;
    try {
      answer = await exchange(request, { timeoutMs, answerBytesMax, signal });
    } catch (thrown) {
      if (!(thrown instanceof ExchangeError)) throw thrown;
      throw new ChatServerError(thrown.message, { cause: thrown });
    }
    const { status, headers, text } = answer;
    if (status >= 200 && status < 300) return text;
    const words = errorWords(text);
    const name = requestName(request);
    if (!passingStatuses.has(status)) throw new ChatRefusedError(name, status, words);
    const reason = `${name}: status ${status} (${plainWords(words)})`;
    throw new ChatServerError(reason, { waitMs: retryAfterMs(headers) });
  }
}

/** Reads an answer. What is none broke on the way, or behind the server: it is asked again. */
function answerOf(request: string, text: string): ChatAnswer {
  let parsed: z.infer<typeof answerSchema>;
  try {
    parsed = answerSchema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = `${request}: the answer is none (${plainWords(errorWords(text))})`;
    throw new ChatServerError(reason, { cause });
  }
  const { choices, usage } = parsed;
  const [first] = choices;
  const { content, refusal } = first?.message ?? {};
  const reason = first?.finish_reason ?? null;
  return {
    text: content ?? refusal ?? "",
    finish: reason === "length" ? "length" : "stop",
    observed: {
      finishReason: reason,
      promptTokens: usage?.prompt_tokens ?? null,
      completionTokens: usage?.completion_tokens ?? null,
    },
  };
}
