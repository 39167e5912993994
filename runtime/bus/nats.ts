// The bus over NATS (core only: nothing rests on JetStream).
//
// 1. The connection comes back for ever after the server is lost; what is asked meanwhile times out
//    and is repeated under its id.
// 2. So does the first one, for as long as the caller has patience: a network that breaks while a
//    head starts is no other fault than one that breaks later. A token that is refused stays so.
// 3. Async traces stay off: they cost a tenth of the requests per second and more.
import { randomUUID } from "node:crypto";
import { errors, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { decode, encode, ensureError } from "../../events/index.ts";
import { backoffMs, sleep } from "../backoff.ts";
import {
  type Bus,
  type DefectHandler,
  type RequestContext,
  type RequestOptions,
  type Subscription,
  throwDefect,
} from "./bus.ts";
import { BusClosedError, BusConnectError, BusTimeoutError, BusUnansweredError } from "./errors.ts";
import { Requests } from "./request.ts";
import { answering, encodeRequest, readAnswer } from "./wire.ts";

/** How long a process that begins to work for a run waits for its bus, in milliseconds. */
export const busPatienceMs = 10_000;
const connectTimeoutMs = 5_000;
const reconnectWaitMs = 100;
const reconnectJitterMs = 100;
const pingIntervalMs = 10_000;
/** How long `close` waits for answers in work, and then for the server to take what was sent. */
const closeWaitMs = 2_000;

export interface NatsBusOptions {
  /** `nats://host:port`. */
  readonly url: string;
  readonly token?: string;
  /** Shown by the server's monitoring. */
  readonly name?: string;
  readonly onDefect?: DefectHandler;
  /** How long a bus that cannot be reached is tried again, in milliseconds; 0 by default. */
  readonly patienceMs?: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** Connects to NATS. Throws `BusConnectError`. */
export async function connectNats(options: NatsBusOptions): Promise<Bus> {
  const deadline = performance.now() + (options.patienceMs ?? 0);
  for (let attempt = 1; ; attempt++) {
    try {
      return new NatsBus(await connectOnce(options), options.onDefect ?? throwDefect);
    } catch (thrown) {
      const isRefused = thrown instanceof errors.AuthorizationError;
      const waitMs = backoffMs(attempt);
      if (isRefused || performance.now() + waitMs > deadline) {
        throw new BusConnectError(options.url, { cause: thrown });
      }
      await sleep(waitMs, options.signal);
    }
  }
}

function connectOnce({ url, token, name = "varft" }: NatsBusOptions): Promise<NatsConnection> {
  return connect({
    servers: url,
    name,
    timeout: connectTimeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectJitterMs,
    pingInterval: pingIntervalMs,
    noAsyncTraces: true,
    ...(token === undefined ? {} : { token }),
  });
}

class NatsBus implements Bus {
  readonly #connection: NatsConnection;
  readonly #onDefect: DefectHandler;
  readonly #requests = new Requests();
  readonly #services = new Set<() => void>();
  readonly #answers = new Set<Promise<void>>();
  #ended: Promise<void> | null = null;

  constructor(connection: NatsConnection, onDefect: DefectHandler) {
    this.#connection = connection;
    this.#onDefect = onDefect;
  }

  get closed(): boolean {
    return this.#requests.closed || this.#connection.isClosed();
  }

  async request(subject: string, payload: unknown, options: RequestOptions = {}): Promise<unknown> {
    this.#assertOpen(subject);
    const bytes = encodeRequest(options.id ?? randomUUID(), payload);
    return this.#requests.repeat((timeoutMs) => this.#ask(subject, bytes, timeoutMs), options);
  }

  serve(
    subject: string,
    handler: (payload: unknown, context: RequestContext) => Promise<unknown>,
  ): Subscription {
    this.#assertOpen(subject);
    const answer = answering(handler, this.#onDefect);
    const respond = async (message: Msg): Promise<void> => {
      const bytes = await answer(message.subject, plainBytes(message));
      if (!this.#connection.isClosed()) message.respond(bytes);
    };
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null || message.reply === undefined) return;
        const work = respond(message).finally(() => this.#answers.delete(work));
        this.#answers.add(work);
      },
    });
    const end = (): void => subscription.unsubscribe();
    this.#services.add(end);
    return {
      close: async () => {
        end();
        this.#services.delete(end);
      },
    };
  }

  publish(subject: string, payload: unknown): void {
    this.#assertOpen(subject);
    this.#connection.publish(subject, encode(payload ?? null));
  }

  subscribe(subject: string, handler: (payload: unknown, subject: string) => void): Subscription {
    this.#assertOpen(subject);
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        const hint = error === null ? readHint(plainBytes(message)) : undefined;
        if (hint !== undefined) handler(hint, message.subject);
      },
    });
    return { close: async () => subscription.unsubscribe() };
  }

  flush(): Promise<void> {
    return this.#connection.flush();
  }

  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#requests.close(new BusClosedError("bus"));
    if (this.#connection.isClosed()) return;
    for (const end of this.#services) end();
    await atMost(closeWaitMs, Promise.all(this.#answers));
    await atMost(closeWaitMs, this.#connection.flush());
    await this.#connection.close();
  }

  async #ask(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<unknown> {
    let answer: Msg;
    try {
      answer = await this.#connection.request(subject, bytes, { timeout: timeoutMs });
    } catch (thrown) {
      throw this.#typed(subject, timeoutMs, ensureError(thrown));
    }
    return readAnswer(subject, plainBytes(answer));
  }

  #typed(subject: string, timeoutMs: number, error: Error): Error {
    if (this.closed || error instanceof errors.ClosedConnectionError) {
      return new BusClosedError(subject);
    }
    const unanswered =
      error instanceof errors.NoRespondersError ||
      (error instanceof errors.RequestError && error.isNoResponders());
    if (unanswered) return new BusUnansweredError(subject);
    // Anything else (a lost connection among them) leaves open whether it was carried out.
    return new BusTimeoutError(subject, timeoutMs);
  }

  #assertOpen(subject: string): void {
    if (this.closed) throw new BusClosedError(subject);
  }
}

// A hint that cannot be read is a hint that was lost.
function readHint(bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

// NATS hands over a Buffer, whose sub-arrays are Buffers too; the codec's readers expect plain
// bytes.
function plainBytes({ data }: Msg): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
