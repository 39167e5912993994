// A search server: asked with bounds on time, size, attempts, requests at once, rate and cost. Its
// key goes into one header and nowhere else; where the server itself repeats it, it is taken out.
import { setMaxListeners } from "node:events";
import { Agent as PlainAgent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { assert, RetryableError } from "../../../events/index.ts";
import {
  ExchangeError,
  errorWords,
  exchange,
  type HttpAnswer,
  passingStatuses,
  requestName,
  retryAfterMs,
  Slots,
  waitMs,
} from "../../../network/index.ts";
import { SandboxCancelledError } from "../../errors.ts";
import {
  SearchBusyError,
  SearchGarbledError,
  SearchRefusedError,
  SearchUnreachableError,
} from "../errors.ts";
import type { QueryBudget } from "./budget.ts";
import { type Clock, realClock, TokenBucket } from "./rate.ts";

/** Bytes of an answer. */
export const answerBytesMax = 4 * 2 ** 20;
/** The longest wait that a server is granted, in milliseconds; one that asks for more is left. */
export const retryAfterMsMax = 60_000;

export interface ServerAccess {
  /** What queries are posted to. */
  readonly url: string;
  /** The header that carries the key, and the key. */
  readonly key: { readonly header: string; readonly prefix: string; readonly value: string } | null;
  /** For one attempt, from the first byte sent to the last received. */
  readonly timeoutMs: number;
  /** Attempts of one query. */
  readonly attemptsMax: number;
  /** Requests under way at once; more wait here. */
  readonly requestsMax: number;
  readonly queriesPerSecond: number;
  /** Counts what is asked; null: nobody counts. */
  readonly budget: QueryBudget | null;
  readonly clock?: Clock;
}

/** An answer, and how it was come by. */
export interface Asked<T> {
  readonly value: T;
  readonly attempts: number;
  readonly waitMs: number;
}

export class SearchServer {
  readonly #access: ServerAccess;
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #agent: PlainAgent | TlsAgent;
  readonly #closing = new AbortController();
  readonly #slots: Slots;

  constructor(access: ServerAccess) {
    assert(access.key?.value !== "", "a key that is sent has characters");
    this.#access = access;
    this.#slots = new Slots(access.requestsMax);
    this.#clock = access.clock ?? realClock;
    this.#bucket = new TokenBucket(access.queriesPerSecond, this.#clock);
    setMaxListeners(0, this.#closing.signal);
    const settings = { keepAlive: true, maxSockets: access.requestsMax };
    const isSecure = new URL(access.url).protocol === "https:";
    this.#agent = isSecure ? new TlsAgent(settings) : new PlainAgent(settings);
  }

  /** How the server is named to people. */
  get name(): string {
    return requestName({ method: "POST", url: this.#access.url });
  }

  /**
   * Posts `body` until it is answered, `attemptsMax` times at most. The waits between attempts are
   * drawn from the query: the same query waits the same.
   *
   * @param read a pure function of the answer's JSON
   * @throws SearchUnreachableError, SearchBusyError, SearchGarbledError after the last attempt;
   * SearchRefusedError, SearchBudgetError and what `read` throws at once
   */
  async ask<T>(
    query: string,
    body: unknown,
    read: (json: unknown) => T,
    signal?: AbortSignal,
  ): Promise<Asked<T>> {
    const ending = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
    const begunMs = this.#clock.now();
    try {
      for (let attempts = 1; ; attempts++) {
        try {
          const json = await this.#attempt(body, ending);
          return { value: read(json), attempts, waitMs: this.#clock.now() - begunMs };
        } catch (thrown) {
          const isLast = attempts >= this.#access.attemptsMax;
          if (!(thrown instanceof RetryableError) || isLast || ending.aborted) throw thrown;
          await this.#pause(thrown, waitMs(["search-wait", query], attempts), ending);
        }
      }
    } catch (thrown) {
      if (!ending.aborted) throw thrown;
      throw new SandboxCancelledError("the search was cancelled", { cause: thrown });
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  async #pause(error: Error, drawnMs: number, signal: AbortSignal): Promise<void> {
    const asked = error instanceof SearchBusyError ? error.waitMs : null;
    if (asked === null) return this.#clock.sleep(drawnMs, signal);
    if (asked > retryAfterMsMax) {
      const seconds = Math.ceil(asked / 1_000);
      const mend = `it asks to be left alone for ${seconds} s: resume the run then`;
      throw new SearchRefusedError(this.name, 429, error.message, mend);
    }
    this.#bucket.hold(asked);
  }

  #attempt(body: unknown, signal: AbortSignal): Promise<unknown> {
    return this.#slots.use(async () => {
      await this.#bucket.take(signal);
      await this.#access.budget?.take();
      const answer = await this.#exchange(body, signal);
      if (answer.status >= 200 && answer.status < 300) return this.#json(answer);
      await this.#access.budget?.giveBack();
      throw this.#refusal(answer);
    });
  }

  async #exchange(body: unknown, signal: AbortSignal): Promise<HttpAnswer> {
    const { url, key, timeoutMs } = this.#access;
    const headers = key === null ? {} : { [key.header]: `${key.prefix}${key.value}` };
    const limits = { timeoutMs, answerBytesMax, signal, agent: this.#agent };
    try {
      const answer = await exchange({ method: "POST", url, headers, body }, limits);
      return key === null ? answer : withoutKey(answer, key.value);
    } catch (thrown) {
      if (!(thrown instanceof ExchangeError)) throw thrown;
      const { kind, reason } = thrown;
      if (kind === "unreachable") await this.#access.budget?.giveBack();
      if (kind === "cut-off" || kind === "too-large") {
        throw new SearchGarbledError(this.name, { reason, cause: thrown });
      }
      throw new SearchUnreachableError(this.name, { reason, cause: thrown });
    }
  }

  #json({ text, headers }: HttpAnswer): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch (thrown) {
      const type = headers["content-type"] ?? "of no type";
      const reason = `is no JSON (${type})`;
      throw new SearchGarbledError(this.name, { reason, cause: thrown });
    }
  }

  #refusal({ status, headers, text }: HttpAnswer): Error {
    const words = errorWords(text);
    if (passingStatuses.has(status)) {
      return new SearchBusyError(this.name, status, words, retryAfterMs(headers));
    }
    return new SearchRefusedError(
      this.name,
      status,
      words,
      mendOf(status, words, headers.location),
    );
  }
}

/** An answer of which nothing that is told holds the key. */
function withoutKey({ status, headers, text }: HttpAnswer, key: string): HttpAnswer {
  const plain = (given: string) => given.replaceAll(key, "[key]");
  const { location } = headers;
  const where = location === undefined ? {} : { location: plain(location) };
  return { status, headers: { ...headers, ...where }, text: plain(text) };
}

/** What a person does about a refusal. */
function mendOf(status: number, words: string, location: string | undefined): string {
  if (status >= 300 && status < 400) {
    const there = location === undefined ? "elsewhere" : `to ${location.replace(/[?#].*/s, "")}`;
    return `it redirects ${there}, which is not followed: write the last address as search.url`;
  }
  if (/credit/i.test(words)) return "the account has no queries left: buy some, then resume";
  if (status === 401 || status === 403) {
    return "is the key in the variable of search.api_key_variable the server's own?";
  }
  if (status === 404 || status === 405) return "is search.url the whole address, path included?";
  return "its log says why; search.type says how it is spoken to";
}
