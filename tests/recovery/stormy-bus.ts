// A bus in memory on which messages are lost, doubled, delayed and reordered, and whose ends can be
// cut off. Everything random is drawn from one generator.
import { randomUUID } from "node:crypto";
import type { RandomStream } from "../../events/index.ts";
import { type Bus, MemoryBroker, type RequestOptions } from "../../runtime/index.ts";
import type { Weather } from "./simulated-faults.ts";

/** What one attempt of a request may take here, in milliseconds: a loss is found out soon. */
const timeoutMsMax = 1_500;
const attemptsMin = 12;
/** The longest delay of a message, and of its double, in milliseconds. */
const delayMsMax = 20;
const doubleMsMax = 400;

/** How often each thing has happened. */
export interface StormCounts {
  lost: number;
  doubled: number;
  delayed: number;
}

export class StormyNetwork {
  readonly counts: StormCounts = { lost: 0, doubled: 0, delayed: 0 };
  readonly #random: RandomStream;
  readonly #weather: Weather;
  readonly #broker: MemoryBroker;
  #isCalm = false;

  constructor(random: RandomStream, weather: Weather) {
    this.#random = random;
    this.#weather = weather;
    this.#broker = new MemoryBroker({ schedule: (deliver) => this.#schedule(deliver) });
  }

  connect(): StormyBus {
    return new StormyBus(this.#broker.connect(), () => this.#double());
  }

  /** From now on every message arrives. */
  calm(): void {
    this.#isCalm = true;
  }

  #schedule(deliver: () => void): void {
    if (this.#happens("lost")) return;
    if (this.#happens("delayed")) {
      setTimeout(deliver, this.#random.uniform() * delayMsMax);
      return;
    }
    setImmediate(deliver);
  }

  /** After how many milliseconds a request comes once more; null: it does not. */
  #double(): number | null {
    return this.#happens("doubled") ? this.#random.uniform() * doubleMsMax : null;
  }

  #happens(kind: keyof StormCounts): boolean {
    if (this.#isCalm || this.#random.uniform() >= this.#weather[kind]) return false;
    this.counts[kind] += 1;
    return true;
  }
}

/** One process's end of the bus. */
export class StormyBus implements Bus {
  readonly #inner: Bus;
  readonly #double: () => number | null;
  #partition: Promise<void> | null = null;

  constructor(inner: Bus, double: () => number | null) {
    this.#inner = inner;
    this.#double = double;
  }

  get closed(): boolean {
    return this.#inner.closed;
  }

  /** Holds back everything in and out for `ms`. */
  async partition(ms: number): Promise<void> {
    this.#partition = new Promise((resolve) => setTimeout(resolve, ms));
    await this.#partition;
    this.#partition = null;
  }

  async request(subject: string, payload: unknown, options: RequestOptions = {}): Promise<unknown> {
    await this.#partition;
    const { timeoutMs = timeoutMsMax, attemptsMax = attemptsMin, id = randomUUID() } = options;
    const short = {
      ...options,
      id,
      timeoutMs: Math.min(timeoutMs, timeoutMsMax),
      attemptsMax: Math.max(attemptsMax, attemptsMin),
    };
    const doubleMs = this.#double();
    if (doubleMs !== null) {
      // An attempt that was given up and had only been slow.
      const again = async () => this.#inner.request(subject, payload, { ...short, attemptsMax: 1 });
      setTimeout(() => again().catch(() => {}), doubleMs);
    }
    const answer = await this.#inner.request(subject, payload, short);
    await this.#partition;
    return answer;
  }

  serve(subject: string, handler: Parameters<Bus["serve"]>[1]): ReturnType<Bus["serve"]> {
    return this.#inner.serve(subject, async (payload, context) => {
      await this.#partition;
      return handler(payload, context);
    });
  }

  publish(subject: string, payload: unknown): void {
    this.#inner.publish(subject, payload);
  }

  subscribe(
    subject: string,
    handler: (payload: unknown, subject: string) => void,
  ): ReturnType<Bus["subscribe"]> {
    return this.#inner.subscribe(subject, handler);
  }

  flush(): Promise<void> {
    return this.#inner.flush();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
