// Events in LMDB. One environment, five databases:
//
//   events    global                -> stored bytes
//   streams   [stream, first seq]   -> first global, count      one row per append
//   commands  [stream, command]     -> first seq, count
//   leases    name                  -> epoch, holder
//   meta      "head"                -> size, chain hash; its version is the fence (below)
//             "owner"               -> the process that writes (`owner.ts`)
//             "copying"             -> there while the ledger is a copy that is not whole yet
//
// The fence: the version of the head row is (writer number * 2^32 + group number). Opening for
// writing takes the next writer number; each group is written only if the version is still that of
// the group before it, checked inside the write transaction. So a group is refused when another
// writer opened the ledger, and also when the group before it failed.
import { join } from "node:path";
import type { RangeOptions } from "lmdb";
import { assert, decode, encode } from "../events/index.ts";
import { chainHashBytes, chainStart } from "./chain.ts";
import { LedgerError } from "./errors.ts";
import { type Lease, pageBytesMax, pageRowsMax, type StoredRow } from "./ledger.ts";
import {
  type Bytes,
  commitFailure,
  dataFile,
  type Environment,
  openEnvironment,
  openRows,
} from "./lmdb-env.ts";
import { decodeOwner, encodeOwner, isAlive, type Owner, thisProcess } from "./owner.ts";
import { Slab } from "./slab.ts";
import type { Group, RawHead, Store, StoreReader } from "./store.ts";
import type { Turnstile } from "./turnstile.ts";

const headKey = "head";
const ownerKey = "owner";
const copyingKey = "copying";
const fencePerWriter = 2 ** 32;
const writersMax = 2 ** 21;
/** A read transaction is given up after this long: a pinned one makes the files grow. */
const pageMsMax = 100;
const rowsPerClock = 64;
const lastSeqPossible = Number.MAX_SAFE_INTEGER;

interface Databases {
  readonly environment: Environment;
  readonly events: Bytes;
  readonly streams: Bytes;
  readonly commands: Bytes;
  readonly leases: Bytes;
  readonly meta: Bytes;
}

function openDatabases(path: string, readOnly: boolean): Databases {
  const environment = openEnvironment(path, readOnly);
  return {
    environment,
    events: openRows(environment, "events"),
    streams: openRows(environment, "streams"),
    commands: openRows(environment, "commands"),
    leases: openRows(environment, "leases"),
    meta: openRows(environment, "meta", true),
  };
}

// Two whole numbers in twelve bytes: the values of the index rows.

const pairBytes = 12;

function packPair(row: Uint8Array, first: number, second: number): Uint8Array {
  const view = new DataView(row.buffer, row.byteOffset, pairBytes);
  view.setUint32(0, Math.floor(first / 2 ** 32));
  view.setUint32(4, first >>> 0);
  view.setUint32(8, second);
  return row;
}

/** The two numbers of an index row. */
export function unpackPair(row: Buffer): [first: number, second: number] {
  if (row.length !== pairBytes) throw corrupt("an index row has a wrong size");
  return [row.readUInt32BE(0) * 2 ** 32 + row.readUInt32BE(4), row.readUInt32BE(8)];
}

function corrupt(reason: string): LedgerError {
  return new LedgerError("ledger-corrupt", `the ledger contradicts itself: ${reason}`);
}

/** Adds an item of `bytes` to a page; answers true when the page is full. */
type AddToPage<T> = (item: T, bytes: number) => boolean;

/** Reads an LMDB ledger, in the writer's process or in another. Never holds a transaction long. */
export class LmdbReader implements StoreReader {
  protected readonly databases: Databases;
  readonly #now: () => number;

  /** @param now a clock in milliseconds that bounds how long one page may read */
  constructor(path: string, readOnly: boolean, now: () => number) {
    this.databases = openDatabases(path, readOnly);
    this.#now = now;
  }

  get environment(): Environment {
    return this.databases.environment;
  }

  head(): RawHead {
    const row = this.databases.meta.get(headKey);
    if (row === undefined) return { size: 0, hash: chainStart };
    if (row.length !== pairBytes + chainHashBytes) throw corrupt("the head has a wrong size");
    const [size] = unpackPair(row.subarray(0, pairBytes));
    return { size, hash: Uint8Array.from(row.subarray(pairBytes)) };
  }

  rows(from: number, limit: number): StoredRow[] {
    return this.#page(limit, (add) => {
      for (const { key, value } of this.databases.events.getRange({ start: from })) {
        if (typeof key !== "number") throw corrupt("an event has no number");
        if (add({ global: key, bytes: value }, value.length)) return;
      }
    });
  }

  streamRows(stream: string, fromSeq: number, limit: number): Uint8Array[] {
    return this.#page(limit, (add) => {
      const start = this.#partAt(stream, fromSeq) ?? fromSeq;
      const range = { start: [stream, start], end: [stream, lastSeqPossible] };
      for (const { key, value } of this.databases.streams.getRange(range)) {
        const [global, count] = unpackPair(value);
        const skipped = Math.max(0, fromSeq - seqOf(key));
        if (this.#addEvents(global + skipped, global + count, add)) return;
      }
    });
  }

  streams(prefix: string): string[] {
    const names: string[] = [];
    let start: [string] | [string, number] = [prefix];
    while (true) {
      const found = this.#firstKey({ start, limit: 1 });
      if (found === undefined) break;
      const stream = Array.isArray(found) ? found[0] : undefined;
      if (typeof stream !== "string") throw corrupt("a stream has no name");
      if (!stream.startsWith(prefix)) break;
      names.push(stream);
      start = [stream, lastSeqPossible];
      if (names.length % pageRowsMax === 0) this.databases.environment.resetReadTxn();
    }
    this.databases.environment.resetReadTxn();
    return names;
  }

  lease(name: string): Lease | null {
    const row = this.databases.leases.get(name);
    if (row === undefined) return null;
    const value = decode(row) as Partial<Lease>;
    if (typeof value.epoch !== "number" || typeof value.holder !== "string") {
      throw corrupt(`lease ${name} is not readable`);
    }
    return { name, epoch: value.epoch, holder: value.holder };
  }

  async close(): Promise<void> {
    await this.databases.environment.close();
  }

  /** The first sequence number of the append that holds `[stream, seq]`, or is before it. */
  #partAt(stream: string, seq: number): number | null {
    const range = { start: [stream, seq], end: [stream, 0], reverse: true, limit: 1 };
    const key = this.#firstKey(range);
    return key === undefined ? null : seqOf(key);
  }

  #firstKey(range: RangeOptions): unknown {
    for (const key of this.databases.streams.getKeys(range)) return key;
    return undefined;
  }

  #addEvents(from: number, end: number, add: AddToPage<Uint8Array>): boolean {
    for (let global = from; global < end; global++) {
      const bytes = this.databases.events.get(global);
      if (bytes === undefined) throw corrupt(`event ${global} is missing`);
      if (add(bytes, bytes.length)) return true;
    }
    return false;
  }

  /** Collects a page. The transaction ends with the page. */
  #page<T>(limit: number, collect: (add: AddToPage<T>) => void): T[] {
    const items: T[] = [];
    if (limit <= 0) return items;
    const rowsMax = Math.min(limit, pageRowsMax);
    const deadline = this.#now() + pageMsMax;
    let size = 0;
    collect((item, bytes) => {
      items.push(item);
      size += bytes;
      if (items.length >= rowsMax || size > pageBytesMax) return true;
      return items.length % rowsPerClock === 0 && this.#now() > deadline;
    });
    this.databases.environment.resetReadTxn();
    return items;
  }
}

function seqOf(key: unknown): number {
  const seq = Array.isArray(key) ? key[1] : undefined;
  if (typeof seq !== "number") throw corrupt("a stream row has no sequence number");
  return seq;
}

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
          "stop it, or open the ledger for reading",
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
