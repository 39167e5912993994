// The bus inside one process, for tests and simulation. Messages pass through the codec, so that
// what works here works over the network; when they are delivered is up to `schedule`.
import { randomUUID } from "node:crypto";
import { decode, encode } from "../../events/index.ts";
import {
  type Bus,
  type DefectHandler,
  type RequestContext,
  type RequestOptions,
  type Subscription,
  throwDefect,
} from "./bus.ts";
import { BusClosedError, BusTimeoutError, BusUnansweredError } from "./errors.ts";
import { Requests } from "./request.ts";
import { subjectMatches } from "./subjects.ts";
import { answering, encodeRequest, readAnswer } from "./wire.ts";

/** Runs `deliver` later; not to run it is to lose the message. */
export type Schedule = (deliver: () => void) => void;

interface Service {
  readonly pattern: string;
  readonly answer: (subject: string, bytes: Uint8Array) => Promise<Uint8Array>;
}

interface Listener {
  readonly pattern: string;
  readonly hear: (subject: string, bytes: Uint8Array) => void;
}

export interface MemoryBrokerOptions {
  /** `setImmediate` by default. */
  readonly schedule?: Schedule;
  readonly onDefect?: DefectHandler;
}

/** What connects the buses of one process. */
export class MemoryBroker {
  readonly #schedule: Schedule;
  readonly #onDefect: DefectHandler;
  readonly #services = new Set<Service>();
  readonly #listeners = new Set<Listener>();

  constructor(options: MemoryBrokerOptions = {}) {
    this.#schedule = options.schedule ?? setImmediate;
    this.#onDefect = options.onDefect ?? throwDefect;
  }

  connect(): Bus {
    return new MemoryBus(this, this.#onDefect);
  }

  ask(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const fitting = [...this.#services].filter(({ pattern }) => subjectMatches(pattern, subject));
    if (fitting.length === 0) return Promise.reject(new BusUnansweredError(subject));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new BusTimeoutError(subject, timeoutMs)), timeoutMs);
      const answer = async (service: Service): Promise<void> => {
        if (!this.#services.has(service)) return;
        const bytesBack = await service.answer(subject, bytes);
        this.#schedule(() => {
          clearTimeout(late);
          resolve(bytesBack); // after the first answer, this changes nothing
        });
      };
      for (const service of fitting) this.#schedule(() => void answer(service));
    });
  }

  tell(subject: string, bytes: Uint8Array): void {
    for (const listener of this.#listeners) {
      if (!subjectMatches(listener.pattern, subject)) continue;
      this.#schedule(() => {
        if (this.#listeners.has(listener)) listener.hear(subject, bytes);
      });
    }
  }

  addService(service: Service): () => void {
    this.#services.add(service);
    return () => this.#services.delete(service);
  }

  addListener(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

class MemoryBus implements Bus {
  readonly #broker: MemoryBroker;
  readonly #onDefect: DefectHandler;
  readonly #ends = new Set<() => void>();
  readonly #requests = new Requests();

  constructor(broker: MemoryBroker, onDefect: DefectHandler) {
    this.#broker = broker;
    this.#onDefect = onDefect;
  }

  get closed(): boolean {
    return this.#requests.closed;
  }

  async request(subject: string, payload: unknown, options: RequestOptions = {}): Promise<unknown> {
    this.#assertOpen(subject);
    const bytes = encodeRequest(options.id ?? randomUUID(), payload);
    return this.#requests.repeat(
      async (timeoutMs) => readAnswer(subject, await this.#broker.ask(subject, bytes, timeoutMs)),
      options,
    );
  }

  serve(
    subject: string,
    handler: (payload: unknown, context: RequestContext) => Promise<unknown>,
  ): Subscription {
    this.#assertOpen(subject);
    const answer = answering(handler, this.#onDefect);
    return this.#subscription(this.#broker.addService({ pattern: subject, answer }));
  }

  publish(subject: string, payload: unknown): void {
    this.#assertOpen(subject);
    this.#broker.tell(subject, encode(payload ?? null));
  }

  subscribe(subject: string, handler: (payload: unknown, subject: string) => void): Subscription {
    this.#assertOpen(subject);
    const hear = (from: string, bytes: Uint8Array): void => handler(decode(bytes), from);
    return this.#subscription(this.#broker.addListener({ pattern: subject, hear }));
  }

  flush(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    this.#requests.close(new BusClosedError("bus"));
    for (const end of this.#ends) end();
    this.#ends.clear();
  }

  #subscription(end: () => void): Subscription {
    this.#ends.add(end);
    return {
      close: async () => {
        end();
        this.#ends.delete(end);
      },
    };
  }

  #assertOpen(subject: string): void {
    if (this.closed) throw new BusClosedError(subject);
  }
}
