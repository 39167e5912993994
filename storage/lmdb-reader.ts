// Reading events in LMDB. One environment, five databases:
//
//   events    global                -> stored bytes
//   streams   [stream, first seq]   -> first global, count      one row per append
//   commands  [stream, command]     -> first seq, count
//   leases    name                  -> epoch, holder
//   meta      "head"                -> size, chain hash; its version is the fence (`lmdb-store.ts`)
//             "owner"               -> the process that writes (`owner.ts`)
//             "copying"             -> there while the ledger is a copy that is not whole yet
import type { RangeOptions } from "lmdb";
import { decode } from "../events/index.ts";
import { chainHashBytes, chainStart } from "./chain.ts";
import { LedgerError } from "./errors.ts";
import { type Lease, pageBytesMax, pageRowsMax, type StoredRow } from "./ledger.ts";
import { type Bytes, type Environment, openEnvironment, openRows } from "./lmdb-env.ts";
import type { RawHead, StoreReader } from "./store.ts";

/** The tables of a ledger's environment. */
export const ledgerTables = ["events", "streams", "commands", "leases", "meta"] as const;
/** The row of `meta` that says how far the ledger goes. */
export const headKey = "head";
export const lastSeqPossible = Number.MAX_SAFE_INTEGER;
/** A read transaction is given up after this long: a pinned one makes the files grow. */
const pageMsMax = 100;
const rowsPerClock = 64;

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

export const pairBytes = 12;

export function packPair(row: Uint8Array, first: number, second: number): Uint8Array {
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

/** What is stored contradicts itself. */
export function corrupt(reason: string): LedgerError {
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

/** The sequence number in a key of `streams`. */
export function seqOf(key: unknown): number {
  const seq = Array.isArray(key) ? key[1] : undefined;
  if (typeof seq !== "number") throw corrupt("a stream row has no sequence number");
  return seq;
}
