// One HTTP request and its answer, bounded in time and size. Nothing is repeated here and no
// redirect is followed: a header with a key must not go where a server says.
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Agent as PlainAgent,
  request as plainRequest,
} from "node:http";
import { request as secureRequest, type Agent as TlsAgent } from "node:https";
import { ensureError } from "../events/index.ts";
import { ExchangeError } from "./errors.ts";

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes out as JSON. */
  readonly body?: unknown;
}

export interface ExchangeLimits {
  /** From the first byte sent to the last received. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body. */
  readonly answerBytesMax: number;
  /** Holds connections open from one exchange to the next. */
  readonly agent?: PlainAgent | TlsAgent;
  /** Ends the exchange; it then rejects with what the signal makes of it. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer of whatever status. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** How a request is named to people: never with its headers. */
export function requestName({ method, url }: Pick<HttpRequest, "method" | "url">): string {
  return `${method} ${url}`;
}

/**
 * Sends one request and reads the whole answer, whatever its status.
 *
 * @throws ExchangeError when no whole answer came
 */
export async function exchange(request: HttpRequest, limits: ExchangeLimits): Promise<HttpAnswer> {
  const { timeoutMs, answerBytesMax, signal } = limits;
  const name = requestName(request);
  const late = AbortSignal.timeout(timeoutMs);
  const ending = signal === undefined ? late : AbortSignal.any([signal, late]);
  try {
    const answer = await send(request, limits.agent, ending);
    const text = await readText(answer, name, answerBytesMax);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text };
  } catch (thrown) {
    signal?.throwIfAborted();
    if (late.aborted) {
      const reason = `no answer within ${timeoutMs} ms`;
      throw new ExchangeError(name, { kind: "late", reason, cause: thrown });
    }
    const error: Error & { code?: unknown } = ensureError(thrown);
    // Node names every fault of a connection by a code; what has none is ours, or typed already.
    if (error instanceof ExchangeError || error.code === undefined) throw thrown;
    const kind = unsentCodes.has(String(error.code)) ? "unreachable" : "lost";
    throw new ExchangeError(name, { kind, reason: reasonOf(error), cause: thrown });
  }
}

function send(
  { method, url, headers, body }: HttpRequest,
  agent: PlainAgent | TlsAgent | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
  const sent: Record<string, string | number> = { accept: "application/json", ...headers };
  if (bytes !== null) {
    sent["content-type"] = "application/json";
    sent["content-length"] = bytes.length;
  }
  const target = new URL(url);
  const begin = target.protocol === "https:" ? secureRequest : plainRequest;
  const through = agent === undefined ? {} : { agent };
  return new Promise((resolve, reject) => {
    const under = begin(target, { method, headers: sent, signal, ...through }, resolve);
    under.on("error", reject);
    under.end(bytes ?? undefined);
  });
}

async function readText(answer: IncomingMessage, name: string, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > bytesMax) break;
      parts.push(part);
    }
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "ECONNRESET") throw thrown;
    const reason = `was cut off after ${bytes} bytes`;
    throw new ExchangeError(name, { kind: "cut-off", reason, cause: thrown });
  }
  if (bytes <= bytesMax) return Buffer.concat(parts).toString("utf8");
  answer.destroy();
  throw new ExchangeError(name, {
    kind: "too-large",
    reason: `has more than ${bytesMax} bytes`,
  });
}

/** Faults that come before a server has heard of the request. */
const unsentCodes: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  ...["CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN"],
  ...["ERR_TLS_CERT_ALTNAME_INVALID", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
]);

function reasonOf(error: Error & { code?: unknown }): string {
  if (error.code === "ECONNREFUSED") return "connection refused";
  if (error.code === "ECONNRESET") return "the connection was cut";
  if (error.code === "ENOTFOUND") return "there is no host of this name";
  return error.message;
}
