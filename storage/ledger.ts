// The ledger as its users see it: one log of events, cut into streams, with leases and blobs.
import type { EventEnvelope, HashName, NewEvent } from "../events/index.ts";

/** The most streams that one append may span. */
export const partsPerAppendMax = 256;
/** The most events of one append, over all its parts. */
export const eventsPerAppendMax = 4_096;
/** The most bytes that may wait for a commit; beyond, appends end in `LedgerBusyError`. */
export const pendingBytesMax = 64 * 1024 * 1024;
/** The largest blob, in bytes. */
export const blobBytesMax = 1024 * 1024 * 1024;
/** The most rows that one read transaction covers, and the most that a page of a read holds. */
export const pageRowsMax = 1_000;
/** A page of a read ends with the row that passes this many bytes. */
export const pageBytesMax = 8 * 1024 * 1024;

/** What an append adds to one stream. */
export interface AppendPart {
  readonly stream: string;
  /** The last sequence number that the writer knows of this stream; null: do not check. */
  readonly expected: number | null;
  /** The epoch of the lease that covers the stream (`leaseOf`); 0 where it was never leased. */
  readonly epoch: number;
  /**
   * The command that this part answers, where one append answers several; the append's by default.
   */
  readonly command?: string;
  /** At least one. */
  readonly events: readonly NewEvent[];
}

/** All or nothing, and once: a second append of the same command returns what the first stored. */
export interface AppendRequest {
  readonly command: string;
  /** Who writes: goes into the envelope. */
  readonly by: string;
  /** W3C traceparent: goes into the envelope. */
  readonly trace: string | null;
  /** The blobs that the events name. They must be stored before. */
  readonly blobs: readonly HashName[];
  /** At least one; each stream at most once. */
  readonly parts: readonly AppendPart[];
}

/** How much the ledger holds: the last global sequence number and the chain's hash (hex) there. */
export interface Head {
  readonly size: number;
  readonly hash: string;
}

/** An event with its place in the whole ledger. */
export interface StoredEvent {
  /** Global sequence number, from 1, without gaps. */
  readonly global: number;
  readonly event: EventEnvelope;
}

/** The same, as the bytes that are stored and hashed. */
export interface StoredRow {
  readonly global: number;
  readonly bytes: Uint8Array;
}

/** Who may write the streams that `name` covers. A higher epoch shuts out all lower ones. */
export interface Lease {
  readonly name: string;
  /** From 1. */
  readonly epoch: number;
  readonly holder: string;
}

/** Large bytes by their hash. */
export interface BlobReader {
  has(name: HashName): Promise<boolean>;
  /**
   * The bytes, checked against their name; null where they are not stored.
   * @throws {LedgerError} ledger-corrupt
   */
  get(name: HashName): Promise<Uint8Array | null>;
}

export interface Blobs extends BlobReader {
  /** Stores bytes; resolves when they are on disk. The bytes must not change until then. */
  put(bytes: Uint8Array): Promise<HashName>;
}

/** Reads what is durable, never what still waits for its commit. */
export interface LedgerReader {
  readonly blobs: BlobReader;
  head(): Promise<Head>;
  /** A stream's events from `fromSeq` (default 1), at most `limit` (default: all). */
  readStream(stream: string, fromSeq?: number, limit?: number): Promise<readonly EventEnvelope[]>;
  /**
   * A page of events from `fromGlobal` (at least 1) in global order: at most `limit` and at most
   * 1,000, and fewer when they are large. An empty page is the end.
   */
  readAll(fromGlobal: number, limit?: number): Promise<readonly StoredEvent[]>;
  /** The same as stored bytes. */
  readRows(fromGlobal: number, limit?: number): Promise<readonly StoredRow[]>;
  /** The names of the streams that begin with `prefix`, in byte order. */
  listStreams(prefix?: string): Promise<readonly string[]>;
  lease(name: string): Promise<Lease | null>;
  close(): Promise<void>;
}

/** The one writer of a ledger. */
export interface Ledger extends LedgerReader {
  readonly blobs: Blobs;
  /**
   * Stores events and returns them with their envelopes once they are on disk. A command that is
   * already stored returns its recorded events, whatever its epoch and sequence.
   * @throws {LedgerError} stale-epoch, stale-sequence, missing-blob, invalid-request, failed,
   * closed
   * @throws {LedgerBusyError} retryable
   * @throws {CodecError} data that cannot be stored
   */
  append(request: AppendRequest): Promise<readonly EventEnvelope[]>;
  /** Gives the lease to `holder` under the next epoch; whoever held it can no longer write. */
  acquireLease(name: string, holder: string): Promise<Lease>;
}
