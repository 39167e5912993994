// Writing events in LMDB: the one writer's half of a store (`lmdb-reader.ts` says what lies where).
//
// The fence: the version of the head row is (writer number * 2^32 + group number). Opening for
// writing takes the next writer number; each group is written only if the version is still that of
// the group before it, checked inside the write transaction. So a group is refused when another
// writer opened the ledger, and also when the group before it failed.
import { dirname, join } from "node:path";
import { assert, encode } from "../events/index.ts";
import { chainHashBytes } from "./chain.ts";
import { LedgerError } from "./errors.ts";
import { writerMend } from "./gate-name.ts";
import { type Bytes, commitFailure, dataFile } from "./lmdb-env.ts";
import {
  corrupt,
  headKey,
  LmdbReader,
  lastSeqPossible,
  packPair,
  pairBytes,
  seqOf,
  unpackPair,
} from "./lmdb-reader.ts";
import { decodeOwner, encodeOwner, isAlive, type Owner, thisProcess } from "./owner.ts";
import { Slab } from "./slab.ts";
import type { Group, RawHead, Store } from "./store.ts";
import type { Turnstile } from "./turnstile.ts";

const ownerKey = "owner";
const copyingKey = "copying";
const fencePerWriter = 2 ** 32;
const writersMax = 2 ** 21;

/** The writing half. At most one per run directory: the owner row and the fence see to that. */
export class LmdbStore extends LmdbReader implements Store {
  readonly #slab = new Slab();
  readonly #file: string;
  readonly #me: Owner;
  readonly #turnstile: Turnstile;
  #fence = 0;

  /** @param turnstile held while another process opens the environment */
  constructor(path: string, now: () => number, turnstile: Turnstile) {
    super(path, false, now);
    this.#turnstile = turnstile;
    this.#file = join(path, dataFile);
    this.#me = thisProcess(this.#file);
  }

  /**
   * Becomes the one writer. Call once, before anything else.
   * @param isCopying a copy that is not whole may be gone on with, and nothing else
   * @throws {LedgerError} ledger-in-use, ledger-corrupt, ledger-partial
   */
  async takeOver(isCopying = false): Promise<void> {
    await this.#turnstile.pass(async () => {
      this.databases.meta.transactionSync(() => this.#takeOwnership(isCopying));
    });
    this.#checkHead();
  }

  /** Marks the ledger as a copy that is not whole, or as one that is. */
  async setCopying(isCopying: boolean): Promise<void> {
    await this.#turnstile.pass(async () => {
      const { meta } = this.databases;
      meta.transactionSync(() => {
        if (isCopying) put(meta, copyingKey, Buffer.of(1), 0);
        else void meta.remove(copyingKey);
      });
    });
  }

  override async close(): Promise<void> {
    await this.#turnstile.pass(async () => {
      this.databases.meta.transactionSync(() => this.#giveBack());
    });
    await super.close();
  }

  isCurrent(): boolean {
    const fence = this.databases.meta.getEntry(headKey)?.version ?? 0;
    return writerOf(fence) === writerOf(this.#fence);
  }

  recorded(stream: string, command: string): { seq: number; count: number } | null {
    const row = this.databases.commands.get([stream, command]);
    if (row === undefined) return null;
    const [seq, count] = unpackPair(row);
    return { seq, count };
  }

  lastSeq(stream: string): number {
    const { streams } = this.databases;
    const range = { start: [stream, lastSeqPossible], end: [stream, 0], reverse: true, limit: 1 };
    for (const { key, value } of streams.getRange(range)) {
      return seqOf(key) + unpackPair(value)[1] - 1;
    }
    return 0;
  }

  commit(group: Group): Promise<boolean> {
    return this.#turnstile.pass(() => this.#commit(group));
  }

  async #commit(group: Group): Promise<boolean> {
    const before = this.#fence;
    const after = before + 1;
    this.#fence = after;
    try {
      return await this.databases.meta.ifVersion(headKey, before, () => this.#put(group, after));
    } catch (thrown) {
      throw await commitFailure(thrown);
    }
  }

  #put(group: Group, fence: number): void {
    const { events, streams, commands, leases, meta } = this.databases;
    const pair = (first: number, second: number): Buffer =>
      asBuffer(packPair(this.#slab.take(pairBytes), first, second));
    let global = group.firstGlobal;
    for (const bytes of group.events) put(events, global++, asBuffer(bytes));
    for (const part of group.parts) {
      put(streams, [part.stream, part.seq], pair(part.global, part.count));
      put(commands, [part.stream, part.command], pair(part.seq, part.count));
    }
    for (const { name, epoch, holder } of group.leases) {
      put(leases, name, asBuffer(encode({ epoch, holder })));
    }
    put(meta, headKey, this.#headRow(group.head), fence);
  }

  #headRow(head: RawHead): Buffer {
    const row = this.#slab.take(pairBytes + chainHashBytes);
    packPair(row, head.size, 0);
    row.set(head.hash, pairBytes);
    return asBuffer(row);
  }

  #takeOwnership(isCopying: boolean): void {
    const { meta } = this.databases;
    if (!isCopying && meta.get(copyingKey) !== undefined) {
      throw new LedgerError(
        "ledger-partial",
        `${this.#file} is a copy that was interrupted: run varft backup again, then go on`,
      );
    }
    const owner = this.#owner();
    if (owner !== null && isAlive(owner, this.#file)) {
      throw new LedgerError(
        "ledger-in-use",
        `process ${owner.pid} on ${owner.host} writes the ledger in ${this.#file}: ` +
          writerMend(dirname(this.#file), owner.pid),
        { facts: { ...owner } },
      );
    }
    const writer = writerOf(meta.getEntry(headKey)?.version ?? 0) + 1;
    assert(writer < writersMax, `the ledger was opened ${writersMax} times`);
    this.#fence = writer * fencePerWriter;
    put(meta, headKey, this.#headRow(this.head()), this.#fence);
    put(meta, ownerKey, asBuffer(encodeOwner(this.#me)), 0);
  }

  #giveBack(): void {
    if (this.#owner()?.opening === this.#me.opening) void this.databases.meta.remove(ownerKey);
  }

  #owner(): Owner | null {
    const row = this.databases.meta.get(ownerKey);
    return row === undefined ? null : decodeOwner(row);
  }

  #checkHead(): void {
    const { size } = this.head();
    let last = 0;
    for (const key of this.databases.events.getKeys({ reverse: true, limit: 1 })) {
      if (typeof key === "number") last = key;
    }
    if (last !== size) throw corrupt(`the head says ${size} events, the last one is ${last}`);
  }
}

function writerOf(fence: number): number {
  return Math.floor(fence / fencePerWriter);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

// Inside a batch a `put` answers with a promise that is already resolved; the batch's own promise
// is the one that tells.
function put(rows: Bytes, key: Parameters<Bytes["put"]>[0], value: Buffer, version?: number): void {
  if (version === undefined) void rows.put(key, value);
  else void rows.put(key, value, version);
}
