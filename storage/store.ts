// The seam under the ledger: where rows lie. The rules of appending stand above it, once for all
// stores (`group-ledger.ts`); a store only keeps what it is given, a whole group or nothing.
import type { Lease, StoredRow } from "./ledger.ts";

/** Where an append's events of one stream lie. */
export interface StoredPart {
  readonly stream: string;
  readonly command: string;
  /** Of the first event. */
  readonly seq: number;
  /** Of the first event; the others follow without gaps. */
  readonly global: number;
  readonly count: number;
}

/** Size and chain hash as 32 raw bytes. */
export interface RawHead {
  readonly size: number;
  readonly hash: Uint8Array;
}

/** What one commit writes. */
export interface Group {
  readonly number: number;
  /** Stored bytes of the events from global sequence `firstGlobal`. */
  readonly firstGlobal: number;
  readonly events: readonly Uint8Array[];
  readonly parts: readonly StoredPart[];
  readonly leases: readonly Lease[];
  /** The head after this group. */
  readonly head: RawHead;
}

/** What can be read without writing. Every answer is from committed, durable data. */
export interface StoreReader {
  head(): RawHead;
  /** Rows from `from`, at most `limit`, fewer when they are large; none only at the end. */
  rows(from: number, limit: number): StoredRow[];
  /** The stored bytes of a stream's events from `fromSeq`, in pages as `rows`. */
  streamRows(stream: string, fromSeq: number, limit: number): Uint8Array[];
  streams(prefix: string): string[];
  lease(name: string): Lease | null;
  close(): Promise<void>;
}

export interface Store extends StoreReader {
  /** False once another writer has taken over. */
  isCurrent(): boolean;
  /** Where the events of `command` in `stream` lie. */
  recorded(
    stream: string,
    command: string,
  ): { readonly seq: number; readonly count: number } | null;
  /** 0 for a stream without events. */
  lastSeq(stream: string): number;
  /** Writes all of the group durably, or nothing: false when another writer has taken over. */
  commit(group: Group): Promise<boolean>;
}
