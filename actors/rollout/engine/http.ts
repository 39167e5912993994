// Requests to a server, one answer each: bounded in number, time, size and attempts. The API key
// goes into one header and nowhere else.
import { setMaxListeners } from "node:events";
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http";
import { request as secureRequest, Agent as TlsAgent } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import { ensureError, RandomStream, RetryableError, VarftError } from "../../../events/index.ts";
import {
  EngineBusyError,
  EngineGarbledError,
  EngineRefusedError,
  EngineUnreachableError,
} from "./errors.ts";

/** Size of an answer, in bytes. */
const answerBytesMax = 32 * 2 ** 20;
/** The wait after the first attempt and the longest one, in milliseconds, before jitter. */
const waitMsFirst = 250;
const waitMsMax = 30_000;
/** Statuses that pass: the server is starting, overloaded or lost an engine. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

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
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(options: HttpOptions) {
    this.#options = options;
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
    for (let attempt = 1; ; attempt++) {
      await this.#enter();
      try {
        return read(await this.#attempt(asked));
      } catch (thrown) {
        this.#options.signal.throwIfAborted();
        const last = attempt >= this.#options.attemptsMax;
        if (!(thrown instanceof RetryableError) || last) throw thrown;
        const given = thrown instanceof EngineBusyError ? thrown.waitMs : null;
        const ms = Math.min(waitMsMax, given ?? pauseMs(asked, attempt));
        await wait(ms, undefined, { signal: this.#options.signal });
      } finally {
        this.#leave();
      }
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #enter(): Promise<void> {
    while (this.#active >= this.#options.requestsMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#active += 1;
  }

  #leave(): void {
    this.#active -= 1;
    this.#waiting.shift()?.();
  }

  async #attempt(asked: EngineRequest): Promise<string> {
    const { timeoutMs, signal } = this.#options;
    const name = this.nameOf(asked);
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.#send(asked, AbortSignal.any([signal, late]));
      const text = await readText(answer, name);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return text;
      const words = errorWords(text);
      if (passing.has(status) && asked.final?.has(status) !== true) {
        throw new EngineBusyError(name, status, words, retryAfterMs(answer));
      }
      throw new EngineRefusedError(name, status, words, asked.mend(status, words));
    } catch (thrown) {
      if (late.aborted) {
        throw new EngineUnreachableError(name, {
          reason: `no answer within ${timeoutMs} ms`,
          cause: thrown,
        });
      }
      const error: Error & { code?: unknown } = ensureError(thrown);
      // Node names every fault of a connection by a code; what has none is ours.
      if (error instanceof VarftError || error.code === undefined) throw thrown;
      throw new EngineUnreachableError(name, { reason: reasonOf(error), cause: thrown });
    }
  }

  #send({ method, path, body }: EngineRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, apiKey } = this.#options;
    const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const headers: Record<string, string | number> = { accept: "application/json" };
    if (bytes !== null) {
      headers["content-type"] = "application/json";
      headers["content-length"] = bytes.length;
    }
    if (apiKey !== null) headers["authorization"] = `Bearer ${apiKey}`;
    const target = new URL(`${url.replace(/\/$/, "")}${path}`);
    const begin = target.protocol === "https:" ? secureRequest : plainRequest;
    return new Promise((resolve, reject) => {
      const sent = begin(target, { method, headers, signal, agent: this.#agent }, resolve);
      sent.on("error", reject);
      sent.end(bytes ?? undefined);
    });
  }
}

async function readText(answer: IncomingMessage, name: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > answerBytesMax) break;
      parts.push(part);
    }
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "ECONNRESET") throw thrown;
    throw new EngineGarbledError(name, {
      reason: `was cut off after ${bytes} bytes`,
      cause: thrown,
    });
  }
  if (bytes <= answerBytesMax) return Buffer.concat(parts).toString("utf8");
  answer.destroy();
  throw new EngineGarbledError(name, { reason: `has more than ${answerBytesMax} bytes` });
}

/**
 * What an error says: vLLM `{"error": {"message"}}`, SGLang the same or `{"error_message"}`,
 * FastAPI `{"detail"}`; else the text itself.
 */
function errorWords(text: string): string {
  try {
    const json = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    const error = json?.["error"];
    const inner = typeof error === "object" && error !== null ? { ...error } : {};
    const found = [Reflect.get(inner, "message"), error, json?.["error_message"], json?.["detail"]];
    return found.find((value) => typeof value === "string") ?? text;
  } catch {
    return text;
  }
}

function reasonOf(error: Error & { code?: unknown }): string {
  if (error.code === "ECONNREFUSED") return "connection refused";
  if (error.code === "ECONNRESET") return "the connection was cut";
  if (error.code === "ENOTFOUND") return "there is no host of this name";
  return error.message;
}

function retryAfterMs({ headers }: IncomingMessage): number | null {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}

/** Doubles with each attempt; half of it is drawn, so that those who failed together part. */
function pauseMs({ path, name = "" }: EngineRequest, attempt: number): number {
  const full = Math.min(waitMsMax, waitMsFirst * 2 ** (attempt - 1));
  return full * (0.5 + 0.5 * new RandomStream("engine-wait", path, name, attempt).uniform());
}
