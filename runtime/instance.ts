// One actor instance in memory: what was folded from its stream, and the queue in front of it.
import type { AnyStateMachine, SnapshotFrom } from "xstate";
import type { EventEnvelope } from "../events/index.ts";
import { type EffectRequest, foldEvent, initialState } from "./fold.ts";

export class Instance<M extends AnyStateMachine> {
  readonly stream: string;
  readonly #machine: M;
  readonly #abort = new AbortController();
  #state: SnapshotFrom<M>;
  #seq = 0;
  #loaded = false;
  #parked: Error | null = null;
  // Effects without a result, by effect id, in the order in which they were asked for.
  #pending = new Map<string, EffectRequest>();
  #commands = new Set<string>();
  /** Resolves when everything that was queued so far has been processed. */
  tail: Promise<unknown> = Promise.resolve();
  /** Commands that wait or are being processed. */
  waiting = 0;

  constructor(machine: M, stream: string) {
    this.stream = stream;
    this.#machine = machine;
    this.#state = initialState(machine, stream);
  }

  get state(): SnapshotFrom<M> {
    return this.#state;
  }
  /** The number of the last event folded; 0 before the first. */
  get seq(): number {
    return this.#seq;
  }
  get loaded(): boolean {
    return this.#loaded;
  }
  get parked(): Error | null {
    return this.#parked;
  }
  get signal(): AbortSignal {
    return this.#abort.signal;
  }
  get pending(): ReadonlyMap<string, EffectRequest> {
    return this.#pending;
  }
  /** Whether an event of this command is in the stream. */
  knows(command: string): boolean {
    return this.#commands.has(command);
  }

  /** Starts over from the whole stream. Returns the effects without a result. */
  load(events: readonly EventEnvelope[]): readonly EffectRequest[] {
    this.#state = initialState(this.#machine, this.stream);
    this.#seq = 0;
    this.#pending = new Map();
    this.#commands = new Set();
    this.#loaded = true;
    this.absorb(events);
    return [...this.#pending.values()];
  }

  /** Folds the next events. Returns the effects that they ask for. */
  absorb(events: readonly EventEnvelope[]): readonly EffectRequest[] {
    const asked: EffectRequest[] = [];
    for (const event of events) {
      const { state, requests } = foldEvent(this.#machine, this.#state, event);
      this.#state = state;
      this.#seq = event.seq;
      this.#commands.add(event.command);
      this.#pending.delete(event.command);
      for (const request of requests) this.#pending.set(request.effectId, request);
      asked.push(...requests);
    }
    return asked;
  }

  /** Whether `events` are exactly the next ones. */
  continues(events: readonly EventEnvelope[]): boolean {
    return events.every((event, index) => event.seq === this.#seq + 1 + index);
  }

  /** Forgets what was folded; the next use reads the stream again. */
  unload(): void {
    this.#loaded = false;
  }

  /** Refuses everything from now on, and tells running effects to stop. */
  park(cause: Error): void {
    this.#parked = cause;
    this.#abort.abort(cause);
  }

  abort(reason: Error): void {
    this.#abort.abort(reason);
  }
}
