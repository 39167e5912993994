// Requests to a server, one answer each: bounded in number, time, size and attempts. The API key
// goes into one header and nowhere else.
import { setMaxListeners } from "node:events";
import { Agent as PlainAgent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import {
  ExchangeError,
  errorWords,
  exchange,
  type HttpAnswer,
  passingStatuses,
  repeat,
  retryAfterMs,
  Slots,
} from "../../../network/index.ts";
import {
  EngineBusyError,
  EngineGarbledError,
  EngineRefusedError,
  EngineUnreachableError,
} from "./errors.ts";

/** Size of an answer, in bytes. */
const answerBytesMax = 32 * 2 ** 20;

export interface HttpOptions {
  /** The server's root: `http://host:port`. */
  readonly url: string;
  readonly apiKey: string | null;
  /** For one attempt, from the first byte sent to the last received. */
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  /** Requests under way at once; more wait here. */
  readonly requestsMax: number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** One request. */
export interface EngineRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** Names the request among its kind: the waits between its attempts are drawn from it. */
  readonly name?: string;
  /** Statuses that trying again does not mend here, though it does elsewhere. */
  readonly final?: ReadonlySet<number>;
  /** What a person does about a refusal. */
  readonly mend: (status: number, words: string) => string;
}

export class EngineHttp {
  readonly #options: HttpOptions;
  readonly #agent: PlainAgent | TlsAgent;
  readonly #slots: Slots;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#slots = new Slots(options.requestsMax);
    // Each request that waits listens for the end; that many is right, not a leak.
    setMaxListeners(options.requestsMax + 1, options.signal);
    const settings = { keepAlive: true, maxSockets: options.requestsMax };
    const secure = new URL(options.url).protocol === "https:";
    this.#agent = secure ? new TlsAgent(settings) : new PlainAgent(settings);
  }

  /** How a request is named to people. */
  nameOf({ method, path }: Pick<EngineRequest, "method" | "path">): string {
    return `${method} ${this.#options.url.replace(/\/$/, "")}${path}`;
  }

  /**
   * Sends the request until it is answered, `attemptsMax` times at most, and reads the answer.
   *
   * @param read a pure function of the answer's text; after a retryable error of its own, too, the
   * request is tried again
   * @throws EngineUnreachableError, EngineBusyError, EngineGarbledError after the last attempt;
   * EngineRefusedError and what else `read` throws at once
   */
  async ask<T>(asked: EngineRequest, read: (text: string) => T): Promise<T> {
    const { attemptsMax, signal } = this.#options;
    const name = ["engine-wait", asked.path, asked.name ?? ""];
    const attempt = async () => read(await this.#attempt(asked));
    return repeat(() => this.#slots.use(attempt), { name, attemptsMax, signal });
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #attempt(asked: EngineRequest): Promise<string> {
    const { signal } = this.#options;
    const name = this.nameOf(asked);
    const { status, headers, text } = await this.#exchange(asked).catch((thrown: unknown) => {
      throw thrown instanceof ExchangeError ? typed(name, thrown) : thrown;
    });
    signal.throwIfAborted();
    if (status >= 200 && status < 300) return text;
    const words = errorWords(text);
    if (passingStatuses.has(status) && asked.final?.has(status) !== true) {
      throw new EngineBusyError(name, status, words, retryAfterMs(headers));
    }
    throw new EngineRefusedError(name, status, words, asked.mend(status, words));
  }

  #exchange({ method, path, body }: EngineRequest): Promise<HttpAnswer> {
    const { url, apiKey, timeoutMs, signal } = this.#options;
    const target = `${url.replace(/\/$/, "")}${path}`;
    const headers = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
    const limits = { timeoutMs, answerBytesMax, signal, agent: this.#agent };
    return exchange({ method, url: target, headers, body }, limits);
  }
}

/** What stands between us and the server, in this room's words. */
function typed(name: string, error: ExchangeError): Error {
  const { kind, reason } = error;
  return kind === "cut-off" || kind === "too-large"
    ? new EngineGarbledError(name, { reason, cause: error })
    : new EngineUnreachableError(name, { reason, cause: error });
}
