// What travels: a request is `{ id, body }`, an answer `{ body }` or `{ error }`.
import {
  AssertionError,
  CancelledError,
  decode,
  encode,
  ensureError,
  RetryableError,
  TerminalError,
  VarftError,
} from "../../events/index.ts";
import { type DefectHandler, type RequestContext, servingMax } from "./bus.ts";
import { BusBusyError, BusProtocolError } from "./errors.ts";

/** An error as it travels. */
export interface WireError {
  readonly code: string;
  readonly policy: string;
  readonly message: string;
  readonly facts?: unknown;
}

const messageCharsMax = 4_096;

export function encodeRequest(id: string, body: unknown): Uint8Array {
  return encode({ id, body: body ?? null });
}

/** An error in the form that travels. Errors without a policy are defects: terminal, `internal`. */
export function toWireError(error: Error): WireError {
  // Through UTF-8, so that half a surrogate pair, ours or the cut's, does not stop the answer.
  const message = Buffer.from(error.message.slice(0, messageCharsMax)).toString();
  if (!(error instanceof VarftError)) return { code: "internal", policy: "terminal", message };
  return { code: error.code, policy: error.policy, message, facts: plain(error.facts) };
}

/** The typed error that travelled. */
export function fromWireError(value: unknown): VarftError {
  const { code, policy, message, facts } = value as WireError;
  const options = { facts: (facts ?? {}) as Readonly<Record<string, unknown>> };
  if (policy === "retryable") return new RetryableError(String(code), String(message), options);
  if (policy === "cancelled") return new CancelledError(String(code), String(message), options);
  return new TerminalError(String(code), String(message), options);
}

/** Reads an answer: its body, or throws the error that it carries. */
export function readAnswer(subject: string, bytes: Uint8Array): unknown {
  const answer = decode(bytes);
  if (!isMap(answer)) throw new BusProtocolError(subject);
  if (isMap(answer["error"])) throw fromWireError(answer["error"]);
  if (!("body" in answer)) throw new BusProtocolError(subject);
  return answer["body"];
}

type Handler = (payload: unknown, context: RequestContext) => Promise<unknown>;

/** Turns a handler into a function of request bytes to answer bytes that never throws. */
export function answering(
  handler: Handler,
  onDefect: DefectHandler,
): (subject: string, bytes: Uint8Array) => Promise<Uint8Array> {
  const inWork = new Map<string, Promise<Uint8Array>>();
  const work = async (body: unknown, context: RequestContext): Promise<Uint8Array> => {
    try {
      return encode({ body: (await handler(body, context)) ?? null });
    } catch (thrown) {
      const error = ensureError(thrown);
      if (error instanceof AssertionError) onDefect(error);
      return encode({ error: toWireError(error) });
    }
  };
  return async (subject, bytes) => {
    let request: { id: string; body: unknown };
    try {
      request = readRequest(subject, bytes);
    } catch (thrown) {
      return encode({ error: toWireError(ensureError(thrown)) });
    }
    const key = `${subject}\n${request.id}`;
    const known = inWork.get(key);
    if (known !== undefined) return known;
    if (inWork.size >= servingMax) {
      return encode({ error: toWireError(new BusBusyError(subject, servingMax)) });
    }
    const answer = work(request.body, { id: request.id, subject });
    inWork.set(key, answer);
    try {
      return await answer;
    } finally {
      inWork.delete(key);
    }
  };
}

function readRequest(subject: string, bytes: Uint8Array): { id: string; body: unknown } {
  const request = decode(bytes);
  if (!isMap(request) || typeof request["id"] !== "string" || !("body" in request)) {
    throw new BusProtocolError(subject);
  }
  return { id: request["id"], body: request["body"] };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

// Details may hold anything; what does not travel is left behind rather than hiding the error.
function plain(facts: Readonly<Record<string, unknown>>): unknown {
  try {
    return decode(encode(facts));
  } catch {
    return {};
  }
}
