// The one writer of a ledger, over any store. Role: decides appends, chains and numbers their
// events, commits them in groups, and acknowledges them once their group is on disk.
//
// 1. Nothing is acknowledged, and nothing can be read, before it is durable (I1).
// 2. An append is decided at once, against all appends before it, committed or not. This is safe
//    because groups commit in order, and one that fails takes all later ones with it.
// 3. After a failed commit nothing more is written: what the disk holds is no longer known here,
//    and only opening the ledger anew finds out.
// 4. An append that is refused leaves no trace: all of its bytes exist before anything is changed.
// 5. Acknowledgement order is append order.
// 6. A writer that was passed over learns it from its next page, too: a head that stood still
//    follows its ledger, so it ends as soon as it wakes, whether it has anything to write or not.
import { setImmediate } from "node:timers";
import { type EventEnvelope, encodeEnvelopeShared, ensureError, isName } from "../events/index.ts";
import { type AdmissionView, admit, commandOf, envelopesOf } from "./admission.ts";
import { chainHashBytes, hashLink } from "./chain.ts";
import { LedgerBusyError, LedgerError } from "./errors.ts";
import {
  type AppendRequest,
  type Blobs,
  type Head,
  type Lease,
  type Ledger,
  pendingBytesMax,
  type StoredRow,
} from "./ledger.ts";
import { Overlay } from "./overlay.ts";
import { PendingGroup } from "./pending-group.ts";
import { Slab } from "./slab.ts";
import type { RawHead, Store } from "./store.ts";
import { LedgerView, type ReadEvent } from "./view.ts";

/** Groups that may be on their way to the disk while the next one fills. */
const groupsInFlightMax = 2;
/** A group is full with so many bytes of events. */
const groupBytesMax = 4 * 1024 * 1024;
/** With so many bytes of events, a commit starts without waiting for more if the disk is idle. */
const idleBytes = 96 * 1024;
/** Streams and leases whose newest state is kept in memory after their commit. */
const statesKeptMax = 65_536;

/** Blobs as the writer needs them: what is on disk can be asked for without waiting. */
export interface DurableBlobs extends Blobs {
  hasNow(name: string): boolean;
  close(): Promise<void>;
}

export interface GroupLedgerOptions {
  /** Milliseconds since 1970, for the envelopes. */
  readonly clock: () => number;
  /** Called after each commit with what is durable now: a hint for those who follow the ledger. */
  readonly onCommitted?: (head: Head) => void;
  /** Brings stored events to the version that is written today. */
  readonly readEvent?: ReadEvent;
  /** Called when the files are closed. */
  readonly closed?: () => Promise<void>;
}

interface Recorded {
  readonly seq: number;
  readonly count: number;
  readonly done: Promise<void>;
}

export class GroupLedger extends LedgerView implements Ledger {
  declare readonly blobs: DurableBlobs;
  readonly #store: Store;
  readonly #options: GroupLedgerOptions;
  readonly #slab = new Slab();
  readonly #lastSeqs = new Overlay<number>(statesKeptMax);
  readonly #leases = new Overlay<Lease>(statesKeptMax);
  readonly #commands = new Overlay<Recorded>(0);
  readonly #view: AdmissionView;
  readonly #waiting: PendingGroup[] = [];
  #filling: PendingGroup;
  #inFlight = 0;
  #pendingBytes = 0;
  #scheduled = false;
  #failure: LedgerError | null = null;
  #closing: Promise<void> | null = null;

  constructor(store: Store, blobs: DurableBlobs, options: GroupLedgerOptions) {
    super(store, blobs, () => blobs.close(), options.readEvent);
    this.#store = store;
    this.#options = options;
    this.#filling = new PendingGroup(1, store.head());
    this.#view = {
      isRecorded: (stream, command) => this.#recorded(stream, command) !== null,
      lastSeq: (stream) => this.#lastSeq(stream),
      epoch: (lease) => this.#lease(lease)?.epoch ?? 0,
      hasBlob: (name) => blobs.hasNow(name),
    };
  }

  async append(request: AppendRequest): Promise<readonly EventEnvelope[]> {
    this.#checkOpen();
    if (admit(request, this.#view) === "known") return this.#answerKnown(request);
    const [events, group] = this.#stage(request);
    await group.done;
    return events;
  }

  async acquireLease(name: string, holder: string): Promise<Lease> {
    this.#checkOpen();
    if (!isName(name) || !isName(holder)) {
      throw new LedgerError(
        "ledger-invalid-request",
        `"${name}" for "${holder}": no name of a lease or of its holder`,
      );
    }
    const lease: Lease = { name, epoch: (this.#lease(name)?.epoch ?? 0) + 1, holder };
    const group = this.#filling;
    group.leases.push(lease);
    this.#leases.set(name, lease, group.number);
    this.#schedule();
    await group.done;
    return lease;
  }

  override async readRows(fromGlobal: number, limit?: number): Promise<readonly StoredRow[]> {
    if (this.#closing === null && !this.#store.isCurrent()) {
      this.#fail(passedOver());
      throw this.#failure;
    }
    return super.readRows(fromGlobal, limit);
  }

  /** Ends when all appends so far are acknowledged or refused and the files are closed. */
  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const last = this.#filling.isEmpty ? this.#waiting.at(-1) : this.#filling;
    await last?.done.catch(() => {});
    while (this.#inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
    await super.close();
    await this.#options.closed?.();
  }

  #checkOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing !== null) throw new LedgerError("ledger-closed", "the ledger is closed");
    if (this.#pendingBytes <= pendingBytesMax) return;
    throw new LedgerBusyError(this.#pendingBytes, pendingBytesMax);
  }

  #recorded(stream: string, command: string): Pick<Recorded, "seq" | "count"> | null {
    const pending = this.#commands.get(commandKey(stream, command));
    if (pending !== undefined) return pending;
    // A stream without events knows no command; this spares a read for each new trajectory.
    return this.#lastSeq(stream) === 0 ? null : this.#store.recorded(stream, command);
  }

  #lastSeq(stream: string): number {
    return this.#lastSeqs.get(stream) ?? this.#store.lastSeq(stream);
  }

  #lease(name: string): Lease | null {
    return this.#leases.get(name) ?? this.#store.lease(name);
  }

  async #answerKnown(request: AppendRequest): Promise<readonly EventEnvelope[]> {
    const answers: EventEnvelope[] = [];
    for (const part of request.parts) {
      const { stream } = part;
      const command = commandOf(request, part);
      await this.#commands.get(commandKey(stream, command))?.done;
      const recorded = this.#recorded(stream, command);
      if (recorded === null) throw new LedgerError("ledger-corrupt", `${stream} lost a command`);
      answers.push(...(await this.readStream(stream, recorded.seq, recorded.count)));
    }
    return answers;
  }

  #stage(request: AppendRequest): [EventEnvelope[], PendingGroup] {
    const time = this.#options.clock();
    const events: EventEnvelope[] = [];
    for (const part of request.parts) {
      const lastSeq = this.#lastSeq(part.stream);
      for (const event of envelopesOf(request, part, lastSeq, time)) events.push(event);
    }
    const links = events.map((event) => this.#link(event));
    // From here on nothing can fail.
    const group = this.#filling;
    let global = group.head.size + 1;
    for (const part of request.parts) {
      const { stream, events: added } = part;
      const command = commandOf(request, part);
      const seq = this.#lastSeq(stream) + 1;
      const count = added.length;
      group.parts.push({ stream, command, seq, global, count });
      this.#lastSeqs.set(stream, seq + count - 1, group.number);
      const key = commandKey(stream, command);
      this.#commands.set(key, { seq, count, done: group.done }, group.number);
      global += count;
    }
    this.#chain(group, links);
    this.#schedule();
    return [events, group];
  }

  /** An event's bytes, with room before them for the hash that they are chained to. */
  #link(event: EventEnvelope): Uint8Array {
    const bytes = encodeEnvelopeShared(event);
    const link = this.#slab.take(chainHashBytes + bytes.length);
    link.set(bytes, chainHashBytes);
    return link;
  }

  #chain(group: PendingGroup, links: readonly Uint8Array[]): void {
    let { size, hash }: RawHead = group.head;
    for (const link of links) {
      link.set(hash);
      hash = hashLink(link);
      group.events.push(link.subarray(chainHashBytes));
      group.bytes += link.length;
      this.#pendingBytes += link.length;
      size++;
    }
    group.head = { size, hash };
    if (group.bytes >= groupBytesMax) this.#sealGroup();
    if (group.bytes >= idleBytes && this.#inFlight === 0) this.#pump();
  }

  #sealGroup(): void {
    this.#waiting.push(this.#filling);
    this.#filling = new PendingGroup(this.#filling.number + 1, this.#filling.head);
  }

  // A commit starts after the current turn of the event loop: appends that are made together, or
  // that answer the same acknowledgement, share one write to the disk.
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= groupsInFlightMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < groupsInFlightMax && this.#failure === null) {
      if (this.#waiting.length === 0) {
        if (this.#filling.isEmpty) return;
        this.#sealGroup();
      }
      const group = this.#waiting.shift();
      if (group === undefined) return;
      this.#inFlight++;
      this.#commit(group).catch((thrown: unknown) => this.#fail(thrown));
    }
  }

  async #commit(group: PendingGroup): Promise<void> {
    try {
      const isWritten = await this.#store.commit(group);
      if (this.#failure !== null) throw this.#failure;
      if (!isWritten) throw passedOver();
      this.#lastSeqs.settle(group.number);
      this.#leases.settle(group.number);
      this.#commands.settle(group.number);
      this.#pendingBytes -= group.bytes;
      group.resolve();
      this.#hint(group.head);
    } catch (thrown) {
      this.#fail(thrown);
      group.reject(this.#failure ?? ensureError(thrown));
    } finally {
      this.#inFlight--;
      this.#pump();
    }
  }

  #hint({ size, hash }: RawHead): void {
    this.#options.onCommitted?.({ size, hash: Buffer.from(hash).toString("hex") });
  }

  #fail(thrown: unknown): void {
    const cause = ensureError(thrown);
    this.#failure ??=
      thrown instanceof LedgerError
        ? thrown
        : new LedgerError(
            "ledger-failed",
            `nothing more is written to this ledger: ${cause.message}; ` +
              "mend the cause (a full disk?) and open it anew: what was acknowledged is there",
            { cause },
          );
    for (const group of [...this.#waiting.splice(0), this.#filling]) group.reject(this.#failure);
  }
}

/** The fence in the head row is another writer's. */
function passedOver(): LedgerError {
  return new LedgerError(
    "ledger-failed",
    "another process took this ledger over while this one stood still or was cut off: " +
      "nothing more is written here, and what was acknowledged is there; the run goes on there",
  );
}

function commandKey(stream: string, command: string): string {
  return `${stream}\n${command}`;
}
