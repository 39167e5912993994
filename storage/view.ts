// Reading a store: pages of bounded size, decoded, checked and in today's version.
import {
  beganWith,
  CodecError,
  currentEvent,
  decodeEnvelope,
  type EventEnvelope,
  EventVersionError,
} from "../events/index.ts";
import { LedgerError } from "./errors.ts";
import {
  type BlobReader,
  type Head,
  type Lease,
  type LedgerReader,
  pageRowsMax,
  type StoredEvent,
  type StoredRow,
} from "./ledger.ts";
import type { StoreReader } from "./store.ts";

/** Brings a stored event to the version that is written today. */
export type ReadEvent = (event: EventEnvelope) => EventEnvelope;

/** The reading half of a ledger, over any store. */
export class LedgerView implements LedgerReader {
  readonly blobs: BlobReader;
  readonly #store: StoreReader;
  readonly #closeBlobs: () => Promise<void>;
  readonly #readEvent: ReadEvent;
  #closed = false;

  constructor(
    store: StoreReader,
    blobs: BlobReader,
    closeBlobs: () => Promise<void>,
    readEvent: ReadEvent = currentEvent,
  ) {
    this.#store = store;
    this.blobs = blobs;
    this.#closeBlobs = closeBlobs;
    this.#readEvent = readEvent;
  }

  async head(): Promise<Head> {
    const { size, hash } = this.#open().head();
    return { size, hash: Buffer.from(hash).toString("hex") };
  }

  async readStream(
    stream: string,
    fromSeq = 1,
    limit: number = Number.POSITIVE_INFINITY,
  ): Promise<readonly EventEnvelope[]> {
    const events: EventEnvelope[] = [];
    let seq = Math.max(1, fromSeq);
    while (events.length < limit) {
      const page = Math.min(limit - events.length, pageRowsMax);
      const rows = this.#open().streamRows(stream, seq, page);
      for (const bytes of rows) {
        const event = this.#read(bytes, `${seq} of ${stream}`);
        if (event.stream !== stream || event.seq !== seq) {
          throw corrupt(`event ${seq} of ${stream} says it is ${event.seq} of ${event.stream}`);
        }
        events.push(event);
        seq++;
      }
      if (rows.length === 0) break;
    }
    return events;
  }

  async readAll(fromGlobal: number, limit: number = pageRowsMax): Promise<readonly StoredEvent[]> {
    const rows = await this.readRows(fromGlobal, limit);
    return rows.map(({ global, bytes }) => ({ global, event: this.#read(bytes, `${global}`) }));
  }

  async readRows(fromGlobal: number, limit: number = pageRowsMax): Promise<readonly StoredRow[]> {
    return this.#open().rows(Math.max(1, fromGlobal), Math.min(limit, pageRowsMax));
  }

  async listStreams(prefix = ""): Promise<readonly string[]> {
    return this.#open().streams(prefix);
  }

  async lease(name: string): Promise<Lease | null> {
    return this.#open().lease(name);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#store.close();
    await this.#closeBlobs();
  }

  #read(bytes: Uint8Array, place: string): EventEnvelope {
    const stored = decodeRow(bytes, place);
    try {
      return this.#readEvent(stored);
    } catch (thrown) {
      if (!(thrown instanceof EventVersionError)) throw thrown;
      const [first] = this.#open().rows(1, 1);
      const varft = first === undefined ? null : beganWith(decodeRow(first.bytes, "1"));
      throw new EventVersionError(stored, { place: `event ${place}`, varft, cause: thrown });
    }
  }

  #open(): StoreReader {
    if (this.#closed) throw new LedgerError("ledger-closed", "the ledger is closed");
    return this.#store;
  }
}

function decodeRow(bytes: Uint8Array, place: string): EventEnvelope {
  try {
    return decodeEnvelope(bytes);
  } catch (thrown) {
    if (thrown instanceof CodecError) throw corrupt(`event ${place}: ${thrown.message}`, thrown);
    throw thrown;
  }
}

function corrupt(reason: string, cause?: unknown): LedgerError {
  return new LedgerError("ledger-corrupt", `the ledger contradicts itself: ${reason}`, { cause });
}
