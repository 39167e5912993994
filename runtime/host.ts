// The host: runs the instances of one actor type over a ledger.
//
// 1. A command goes through `decide`, the ledger, and the fold of what the ledger returned, in this
//    order; nothing is told to anyone before the events are durable (I1). State is changed by
//    folding only (I2).
// 2. One command at a time per instance, in the order of arrival. A group of commands is one
//    append, all or nothing; it takes its place in every mailbox at once, so groups cannot wait on
//    each other.
// 3. The host writes under the lease that covers the stream (I5). A conflict means that somebody
//    else wrote: the stream is folded again and the command decided again, a bounded number of
//    times.
// 4. Before an append, every event is checked against the machine: XState would ignore it in
//    silence.
// 5. On first use an instance is folded from its stream, and exactly the effects without a result
//    are asked for again, under the same ids. Results that are settled or unknown are duplicates.
// 6. Mailboxes, decisions after conflicts, attempts and waits have named maxima.
import type { AnyStateMachine, SnapshotFrom } from "xstate";
import {
  assert,
  CancelledError,
  type EventEnvelope,
  ensureError,
  type HashName,
  leaseOf,
  sha256Hex,
  VarftError,
} from "../events/index.ts";
import type { ActorCommand, ActorDefinition, Decision, EffectResult } from "./actor.ts";
import { backoffMs, sleep } from "./backoff.ts";
import { draftPart } from "./draft.ts";
import { type Asked, EffectRunner, type SettledCall } from "./effect-runner.ts";
import { ActorParkedError, HostClosedError, MailboxFullError } from "./errors.ts";
import type { EffectRequest } from "./fold.ts";
import type { HostAppend, HostLedger, HostPart } from "./host-ledger.ts";
import type { HostFault, HostOptions, Outcome, StreamCommand } from "./host-options.ts";
import { Instance } from "./instance.ts";

/** Commands that may wait for one instance. */
export const mailboxMax = 256;
/** Decisions for one command when others write to the same stream. */
export const decisionsMax = 4;
/** Attempts of one append while the ledger is out of reach; a result in hand is worth the wait. */
export const appendAttemptsMax = 1_000;

interface Item<M extends AnyStateMachine, C extends ActorCommand> {
  readonly instance: Instance<M>;
  readonly command: C;
  /** The request that this command answers, for results of effects. */
  readonly effect: EffectRequest | null;
}

/** Runs the instances of one actor type. */
export class ActorHost<M extends AnyStateMachine, C extends ActorCommand> {
  readonly #actor: ActorDefinition<M, C>;
  readonly #ledger: HostLedger;
  readonly #holder: string;
  readonly #by: string;
  readonly #mailboxMax: number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #onFault: (fault: HostFault) => void;
  readonly #instances = new Map<string, Instance<M>>();
  readonly #epochs = new Map<string, Promise<number>>();
  readonly #runner: EffectRunner<M, C>;
  readonly #closing = new AbortController();
  /** Commands under way, those of instances that were dropped meanwhile among them. */
  readonly #works = new Set<Promise<void>>();

  constructor(options: HostOptions<M, C>) {
    this.#actor = options.actor;
    this.#ledger = options.ledger;
    this.#holder = options.holder;
    this.#by = options.by ?? options.actor.type;
    this.#mailboxMax = options.mailboxMax ?? mailboxMax;
    this.#onFault = options.onFault;
    this.#sleep = options.sleep ?? sleep;
    this.#runner = new EffectRunner({
      effects: options.actor.effects,
      sleep: this.#sleep,
      settle: (results) => this.#settleCalls(results),
      park: (instance, effect, error) => this.#park(instance, effect, error),
      noticeFailed: (stream, effect, error) =>
        this.#fault({ kind: "notice-failed", stream, effect, error }),
    });
  }

  /**
   * Takes over `streams`: acquires their leases, folds them, and asks again for the effects without
   * a result. Those of one lease and one name stay together, so that a batch comes back as it was.
   */
  async start(streams: readonly string[]): Promise<void> {
    const instances = streams.map((stream) => this.#instance(stream));
    await this.#locked(instances, () => this.#load(instances));
  }

  /** Asks one instance. `command.id` makes it safe to ask again. */
  async tell(stream: string, command: C): Promise<Outcome> {
    const [outcome] = await this.tellAll([{ stream, command }]);
    assert(outcome !== undefined, "one outcome per command");
    return outcome;
  }

  /**
   * Asks several instances under one lease; what they decide is one append, all or nothing. At most
   * one command per stream. A rejected or duplicate command adds nothing and does not stop the
   * others.
   */
  tellAll(commands: readonly StreamCommand<C>[]): Promise<readonly Outcome[]> {
    if (this.#closing.signal.aborted) return Promise.reject(new HostClosedError(this.#actor.type));
    const items = commands.map(({ stream, command }) => ({
      instance: this.#instance(stream),
      command,
      effect: null,
    }));
    for (const { instance } of items) {
      if (instance.waiting >= this.#mailboxMax) {
        return Promise.reject(new MailboxFullError(instance.stream, this.#mailboxMax));
      }
    }
    return this.#enqueue(items);
  }

  /** The result of an effect that was carried out elsewhere. Settled or unknown: a duplicate. */
  async settle(stream: string, effectId: string, result: EffectResult<C>): Promise<Outcome> {
    const instance = this.#instance(stream);
    await this.#locked([instance], () => this.#load([instance]));
    const effect = instance.pending.get(effectId);
    if (effect === undefined) {
      return { status: "duplicate", events: await this.#eventsOf(instance, effectId) };
    }
    const [outcome] = await this.#enqueue([this.#resultItem(instance, effect, result)]);
    assert(outcome !== undefined, "one outcome per result");
    return outcome;
  }

  /** The state of an instance. Takes the stream over, like any use of it. */
  async state(stream: string): Promise<SnapshotFrom<M>> {
    const instance = this.#instance(stream);
    await this.#locked([instance], () => this.#load([instance]));
    return instance.state;
  }

  /**
   * Drops instances from memory, stops their effects; a later use folds them again. Unparks them.
   * What still comes in for a dropped instance is refused: to record it would take the lease back
   * from whoever owns the work now.
   */
  forget(streams: readonly string[]): void {
    for (const stream of streams) {
      this.#instances.get(stream)?.park(new HostClosedError(this.#actor.type));
      this.#instances.delete(stream);
    }
    const held = new Set([...this.#instances.keys()].map(leaseOf));
    for (const stream of streams) {
      const lease = leaseOf(stream);
      if (!held.has(lease)) this.#epochs.delete(lease);
    }
  }

  /** Resolves when no command and no effect is under way. */
  async idle(): Promise<void> {
    while (this.#works.size > 0 || this.#runner.running > 0) {
      await Promise.all(this.#works);
      await this.#runner.idle();
    }
  }

  /** Refuses new commands, tells running effects to stop, and waits until everything has ended. */
  async close(): Promise<void> {
    const reason = new HostClosedError(this.#actor.type);
    this.#closing.abort(reason);
    for (const instance of this.#instances.values()) instance.abort(reason);
    await this.idle();
  }

  #instance(stream: string): Instance<M> {
    const known = this.#instances.get(stream);
    if (known !== undefined) return known;
    const made = new Instance(this.#actor.machine, stream);
    this.#instances.set(stream, made);
    return made;
  }

  #enqueue(items: readonly Item<M, C>[]): Promise<readonly Outcome[]> {
    const instances = items.map(({ instance }) => instance);
    const [first] = items;
    if (first === undefined) return Promise.resolve([]);
    assert(new Set(instances).size === items.length, "one command per stream in an append");
    const lease = leaseOf(first.instance.stream);
    for (const { stream } of instances) {
      assert(leaseOf(stream) === lease, `${stream} is not under the lease ${lease}`);
    }
    return this.#locked(instances, () => this.#process(items));
  }

  // Every mailbox is taken in one synchronous turn: see invariant 2.
  async #locked<T>(instances: readonly Instance<M>[], work: () => Promise<T>): Promise<T> {
    const turns = Promise.all(instances.map((instance) => instance.tail));
    const done = turns.then(work);
    const tail = done.then(
      () => {},
      () => {},
    );
    for (const instance of instances) {
      instance.tail = tail;
      instance.waiting += 1;
    }
    this.#works.add(tail);
    try {
      return await done;
    } finally {
      for (const instance of instances) instance.waiting -= 1;
      this.#works.delete(tail);
    }
  }

  async #load(instances: readonly Instance<M>[]): Promise<void> {
    const requests: Asked<M>[] = [];
    for (const instance of instances) {
      refuseParked(instance);
      if (instance.loaded) continue;
      await this.#epoch(instance.stream);
      const events = await this.#ledger.readStream(instance.stream);
      for (const request of instance.load(events)) {
        if (!this.#runner.isRunning(request.effectId)) requests.push({ instance, request });
      }
    }
    for (const instance of instances) refuseParked(instance);
    this.#runner.launch(requests, { restarted: true });
  }

  #epoch(stream: string): Promise<number> {
    const lease = leaseOf(stream);
    const known = this.#epochs.get(lease);
    if (known !== undefined) return known;
    const asked = this.#ledger.acquireLease(lease, this.#holder).then(({ epoch }) => epoch);
    this.#epochs.set(lease, asked);
    asked.catch(() => this.#epochs.delete(lease));
    return asked;
  }

  async #process(items: readonly Item<M, C>[]): Promise<readonly Outcome[]> {
    for (let decision = 1; ; decision++) {
      await this.#load(items.map(({ instance }) => instance));
      try {
        return await this.#decideAndAppend(items);
      } catch (thrown) {
        const conflict = codeOf(thrown) === "ledger-stale-sequence";
        if (!conflict || decision === decisionsMax) throw thrown;
        for (const { instance } of items) instance.unload();
      }
    }
  }

  async #decideAndAppend(items: readonly Item<M, C>[]): Promise<readonly Outcome[]> {
    const outcomes = new Map<Item<M, C>, Outcome>();
    const parts: HostPart[] = [];
    const blobs: HashName[] = [];
    const writers: Item<M, C>[] = [];
    const [first] = items;
    assert(first !== undefined, "an append has a writer");
    const writer = { by: this.#by, epoch: await this.#epoch(first.instance.stream) };
    for (const { instance } of items) refuseParked(instance);
    for (const item of items) {
      const decision = this.#decide(item);
      if ("events" in decision) {
        parts.push(draftPart(this.#actor, writer, item.instance, item.command, decision.events));
        blobs.push(...(decision.blobs ?? []));
        writers.push(item);
      } else if ("rejection" in decision) {
        outcomes.set(item, { status: "rejected", reason: decision.rejection });
      } else {
        const events = await this.#eventsOf(item.instance, item.command.id);
        outcomes.set(item, { status: "duplicate", events });
      }
    }
    if (writers.length > 0) {
      const recorded = await this.#append(writers, parts, blobs);
      this.#absorb(writers, recorded, outcomes);
    }
    return items.map((item) => outcomes.get(item) as Outcome);
  }

  #decide({ instance, command, effect }: Item<M, C>): Decision {
    if (instance.knows(command.id)) return { duplicate: true };
    if (effect !== null && !instance.pending.has(effect.effectId)) return { duplicate: true };
    return this.#actor.decide(command, instance.state);
  }

  async #append(
    writers: readonly Item<M, C>[],
    parts: readonly HostPart[],
    blobs: readonly HashName[],
  ): Promise<readonly EventEnvelope[]> {
    const [first] = writers;
    assert(first !== undefined, "an append has a writer");
    const ids = writers.map(({ command }) => command.id);
    const request: HostAppend = {
      command: ids.length === 1 ? first.command.id : sha256Hex(ids.join("\n")),
      by: this.#by,
      trace: first.command.trace ?? null,
      blobs: [...new Set(blobs)],
      parts,
    };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#ledger.append(request);
      } catch (thrown) {
        const error = ensureError(thrown);
        if (codeOf(error) === "ledger-stale-epoch") this.#lose(writers, error);
        const retry = error instanceof VarftError && error.policy === "retryable";
        if (!retry || attempt === appendAttemptsMax) throw error;
        await this.#sleep(backoffMs(attempt), this.#closing.signal);
      }
    }
  }

  // Somebody else owns the work now: whatever runs for these instances must not be finished here.
  #lose(writers: readonly Item<M, C>[], error: Error): void {
    for (const { instance, effect } of writers) {
      if (instance.parked !== null) continue;
      const { stream } = instance;
      instance.park(error);
      this.#epochs.delete(leaseOf(stream));
      this.#fault({ kind: "lease-lost", stream, effect: effect?.name ?? "", error });
    }
  }

  #absorb(
    writers: readonly Item<M, C>[],
    recorded: readonly EventEnvelope[],
    outcomes: Map<Item<M, C>, Outcome>,
  ): void {
    const asked: Asked<M>[] = [];
    for (const item of writers) {
      const { instance } = item;
      const events = recorded.filter((event) => event.stream === instance.stream);
      outcomes.set(item, { status: "recorded", events });
      // Events that are not the next ones were recorded by an earlier attempt: read the stream
      // anew.
      if (!instance.continues(events)) instance.unload();
      else {
        for (const request of instance.absorb(events)) asked.push({ instance, request });
      }
    }
    this.#runner.launch(asked, { restarted: false });
  }

  async #eventsOf(instance: Instance<M>, command: string): Promise<readonly EventEnvelope[]> {
    if (!instance.knows(command)) return [];
    const events = await this.#ledger.readStream(instance.stream);
    return events.filter((event) => event.command === command);
  }

  #resultItem(instance: Instance<M>, effect: EffectRequest, result: EffectResult<C>): Item<M, C> {
    const { id: cause, trace } = effect.request;
    // A result is a command of the actor without its id, so adding the id makes it one.
    const command = { cause, trace, ...result, id: effect.effectId } as unknown as C;
    return { instance, command, effect };
  }

  async #settleCalls(results: readonly SettledCall<M, C>[]): Promise<void> {
    const items = results.map((one) => this.#resultItem(one.instance, one.request, one.result));
    const outcomes = await this.#enqueue(items);
    for (const [index, outcome] of outcomes.entries()) {
      const item = items[index];
      if (outcome.status !== "rejected" || item === undefined) continue;
      const effect = item.effect?.name ?? "";
      const error = new Error(`${item.instance.stream}: result of ${effect}: ${outcome.reason}`);
      this.#fault({ kind: "result-refused", stream: item.instance.stream, effect, error });
    }
  }

  #park(instance: Instance<M>, effect: string, error: Error): void {
    if (instance.parked !== null || instance.signal.aborted) return;
    instance.park(error);
    this.#fault({ kind: "parked", stream: instance.stream, effect, error });
  }

  #fault(fault: Omit<HostFault, "actor">): void {
    this.#onFault({ actor: this.#actor.type, ...fault });
  }
}

function refuseParked<M extends AnyStateMachine>({ stream, parked }: Instance<M>): void {
  if (parked instanceof CancelledError) throw parked;
  if (parked !== null) throw new ActorParkedError(stream, parked);
}

function codeOf(thrown: unknown): string {
  return thrown instanceof VarftError ? thrown.code : "";
}
