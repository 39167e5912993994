// The head's ledger as a worker sees it: the same interface, over the bus.
//
// 1. Requests are repeated under one id by the bus; appends are idempotent by their command, so an
//    answer that was lost costs nothing. A head that stays away ends in a retryable error.
// 2. Reads come in pages that fit a message, and are checked as stored events on arrival.
import { currentEvent, type EventEnvelope, encode } from "../../events/index.ts";
import {
  type AppendRequest,
  type Head,
  type Lease,
  type Ledger,
  LedgerError,
  pageRowsMax,
  type ReadEvent,
  type StoredEvent,
  type StoredRow,
} from "../../storage/index.ts";
import type { Bus } from "../bus/index.ts";
import { RemoteBlobs } from "./blobs.ts";
import { LedgerCalls } from "./calls.ts";
import {
  appendBytesMax,
  type LedgerAddress,
  namesPerPageMax,
  type PackedEvents,
  pieceBytesMax,
  plainAppend,
  unpackRows,
} from "./protocol.ts";

/** Bytes of blobs that a worker keeps. */
export const blobCacheBytesMax = 256 * 1024 * 1024;

export interface RemoteLedgerOptions {
  readonly bus: Bus;
  readonly address: LedgerAddress;
  /** 256 MiB by default. */
  readonly blobCacheBytes?: number;
  /** By default the vocabulary's: `currentEvent`. */
  readonly readEvent?: ReadEvent;
}

/** The ledger that is served at `address`. Connects at the first call. */
export function connectLedger(options: RemoteLedgerOptions): Ledger {
  return new RemoteLedger(options);
}

class RemoteLedger implements Ledger {
  readonly blobs: RemoteBlobs;
  readonly #calls: LedgerCalls;
  readonly #readEvent: ReadEvent;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: RemoteLedgerOptions) {
    const { bus, address, blobCacheBytes = blobCacheBytesMax, readEvent = currentEvent } = options;
    this.#readEvent = readEvent;
    this.#calls = new LedgerCalls(bus, address);
    this.blobs = new RemoteBlobs(this.#calls, blobCacheBytes);
  }

  append(request: AppendRequest): Promise<readonly EventEnvelope[]> {
    return this.#run(async () => {
      const plain = plainAppend(request);
      const bytes = encode(plain, appendBytesMax);
      const packed =
        bytes.length <= pieceBytesMax
          ? await this.#calls.ask("append", plain)
          : await this.#appendUploaded(bytes);
      return this.#unpack(packed as PackedEvents);
    });
  }

  acquireLease(name: string, holder: string): Promise<Lease> {
    return this.#run(async () => (await this.#calls.ask("acquire", { name, holder })) as Lease);
  }

  head(): Promise<Head> {
    return this.#run(async () => (await this.#calls.ask("head", null)) as Head);
  }

  readStream(
    stream: string,
    fromSeq = 1,
    limit: number = Number.POSITIVE_INFINITY,
  ): Promise<readonly EventEnvelope[]> {
    return this.#run(() => this.#readStream(stream, fromSeq, limit));
  }

  async readAll(fromGlobal: number, limit: number = pageRowsMax): Promise<readonly StoredEvent[]> {
    const rows = await this.readRows(fromGlobal, limit);
    const events = this.#events(rows.map(({ bytes }) => bytes));
    return events.map((event, index) => ({ global: rows[index]?.global ?? 0, event }));
  }

  readRows(fromGlobal: number, limit: number = pageRowsMax): Promise<readonly StoredRow[]> {
    return this.#run(async () => {
      const request = { from: Math.max(1, fromGlobal), limit: Math.min(limit, pageRowsMax) };
      return (await this.#calls.ask("rows", request)) as StoredRow[];
    });
  }

  listStreams(prefix = ""): Promise<readonly string[]> {
    return this.#run(async () => {
      const names: string[] = [];
      for (;;) {
        const after = names.at(-1) ?? "";
        const page = (await this.#calls.ask("streams", { prefix, after })) as string[];
        names.push(...page);
        if (page.length < namesPerPageMax) return names;
      }
    });
  }

  lease(name: string): Promise<Lease | null> {
    return this.#run(async () => (await this.#calls.ask("lease", { name })) as Lease | null);
  }

  /** Waits for what is under way. The bus stays open: it is not ours. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#underWay);
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new LedgerError("ledger-closed", "the ledger is closed");
    const running = work();
    this.#underWay.add(running);
    try {
      return await running;
    } finally {
      this.#underWay.delete(running);
    }
  }

  async #appendUploaded(bytes: Uint8Array): Promise<unknown> {
    return this.#calls.upload(bytes, (upload) => this.#calls.ask("appendUploaded", { upload }));
  }

  async #unpack(packed: PackedEvents): Promise<readonly EventEnvelope[]> {
    if ("rows" in packed) return this.#events(packed.rows);
    const events: EventEnvelope[] = [];
    for (const [stream, seq, count] of packed.ranges) {
      events.push(...(await this.#readStream(stream, seq, count)));
    }
    return events;
  }

  async #readStream(stream: string, fromSeq: number, limit: number): Promise<EventEnvelope[]> {
    const events: EventEnvelope[] = [];
    while (events.length < limit) {
      const from = Math.max(1, fromSeq) + events.length;
      const left = limit - events.length;
      const request = { stream, from, limit: Number.isFinite(left) ? left : null };
      const { rows } = (await this.#calls.ask("stream", request)) as { rows: Uint8Array[] };
      events.push(...this.#events(rows));
      if (rows.length === 0) break;
    }
    return events;
  }

  #events(rows: readonly Uint8Array[]): EventEnvelope[] {
    return unpackRows(rows, this.#readEvent);
  }
}
