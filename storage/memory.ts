// The store and the blobs in memory, for simulation and tests: the same rules, no files. What a
// `MemoryDisk` holds outlives the ledgers that are opened on it, as a disk outlives processes.
import { assert, type HashName, hashName } from "../events/index.ts";
import { chainStart } from "./chain.ts";
import type { DurableBlobs } from "./group-ledger.ts";
import { type Lease, pageBytesMax, type StoredRow } from "./ledger.ts";
import type { Group, RawHead, Store } from "./store.ts";

interface StreamIndex {
  /** Global sequence numbers, by position in the stream. */
  readonly globals: number[];
  readonly commands: Map<string, { readonly seq: number; readonly count: number }>;
}

/** What is durable in a simulated world. */
export class MemoryDisk {
  readonly rows: Uint8Array[] = [];
  readonly streams = new Map<string, StreamIndex>();
  readonly leases = new Map<string, Lease>();
  readonly blobs = new Map<string, Uint8Array>();
  head: RawHead = { size: 0, hash: chainStart };
  writer = 0;
}

/** Called where a real disk would work: may wait, and may throw to make the write fail. */
export type MemoryFlush = () => Promise<void>;

export class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  readonly #writer: number;
  readonly #flush: MemoryFlush;
  #last: Promise<unknown> = Promise.resolve();

  constructor(disk: MemoryDisk, flush: MemoryFlush) {
    this.#disk = disk;
    this.#flush = flush;
    this.#writer = ++disk.writer;
  }

  head(): RawHead {
    return this.#disk.head;
  }

  rows(from: number, limit: number): StoredRow[] {
    const rows: StoredRow[] = [];
    let size = 0;
    for (const bytes of this.#disk.rows.slice(from - 1, from - 1 + limit)) {
      rows.push({ global: from + rows.length, bytes });
      size += bytes.length;
      if (size > pageBytesMax) break;
    }
    return rows;
  }

  streamRows(stream: string, fromSeq: number, limit: number): Uint8Array[] {
    const globals = this.#disk.streams.get(stream)?.globals ?? [];
    return globals.slice(fromSeq - 1, fromSeq - 1 + limit).map((global) => {
      const row = this.#disk.rows[global - 1];
      assert(row !== undefined, `row ${global} is indexed and not there`);
      return row;
    });
  }

  streams(prefix: string): string[] {
    return [...this.#disk.streams.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  lease(name: string): Lease | null {
    return this.#disk.leases.get(name) ?? null;
  }

  isCurrent(): boolean {
    return this.#disk.writer === this.#writer;
  }

  recorded(stream: string, command: string): { seq: number; count: number } | null {
    return this.#disk.streams.get(stream)?.commands.get(command) ?? null;
  }

  lastSeq(stream: string): number {
    return this.#disk.streams.get(stream)?.globals.length ?? 0;
  }

  commit(group: Group): Promise<boolean> {
    const previous = this.#last;
    const current = this.#commitAfter(previous, group);
    this.#last = current;
    return current;
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
  }

  // A group whose predecessor failed fails too, as on a disk.
  async #commitAfter(previous: Promise<unknown>, group: Group): Promise<boolean> {
    await previous;
    await this.#flush();
    const disk = this.#disk;
    if (disk.writer !== this.#writer) return false;
    for (const bytes of group.events) disk.rows.push(bytes);
    for (const { stream, command, seq, global, count } of group.parts) {
      const index: StreamIndex = disk.streams.get(stream) ?? { globals: [], commands: new Map() };
      disk.streams.set(stream, index);
      for (let offset = 0; offset < count; offset++) index.globals.push(global + offset);
      index.commands.set(command, { seq, count });
    }
    for (const lease of group.leases) disk.leases.set(lease.name, lease);
    disk.head = group.head;
    return true;
  }
}

export class MemoryBlobs implements DurableBlobs {
  readonly #disk: MemoryDisk;
  readonly #flush: MemoryFlush;

  constructor(disk: MemoryDisk, flush: MemoryFlush) {
    this.#disk = disk;
    this.#flush = flush;
  }

  async put(bytes: Uint8Array): Promise<HashName> {
    const name = hashName(bytes);
    const copy = bytes.slice();
    if (this.#disk.blobs.has(name)) return name;
    await this.#flush();
    this.#disk.blobs.set(name, copy);
    return name;
  }

  async get(name: HashName): Promise<Uint8Array | null> {
    return this.#disk.blobs.get(name)?.slice() ?? null;
  }

  async has(name: HashName): Promise<boolean> {
    return this.hasNow(name);
  }

  hasNow(name: string): boolean {
    return this.#disk.blobs.has(name);
  }

  async close(): Promise<void> {}
}
