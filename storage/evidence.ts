// What an audit reads of a run directory: every table of the ledger as it lies there, nothing taken
// for granted. It throws what LMDB throws; on a hostile file LMDB may also crash or never return,
// so this is opened in a process that may die.
//
// 1. One pass: rows come in pages, and index rows are looked up when their events pass by.
// 2. Memory does not grow with what the files claim: blobs are hashed row by row.
import { join } from "node:path";
import type { HashName } from "../events/index.ts";
import { passGate } from "./gate.ts";
import { type Head, type Lease, pageRowsMax, type StoredRow } from "./ledger.ts";
import { LmdbBlobReader } from "./lmdb-blobs.ts";
import { LmdbReader, unpackPair } from "./lmdb-reader.ts";
import { blobsFolder, ledgerFolder } from "./open.ts";

/** Where an index says that the events of an append lie in their stream. */
export interface IndexedPart {
  readonly first: number;
  readonly count: number;
}

/** How many rows the tables of a ledger hold. */
export interface TableSizes {
  readonly streams: number;
  readonly commands: number;
}

/** A ledger as it lies on the disk. */
export interface Evidence {
  head(): Head;
  rows(from: number): readonly StoredRow[];
  /** The index row of the append that begins at `[stream, seq]`: its first global number. */
  streamRow(stream: string, seq: number): IndexedPart | null;
  /** The index row of a command: its first sequence number in the stream. */
  commandRow(stream: string, command: string): IndexedPart | null;
  /** Counted by going through them. */
  tableSizes(): TableSizes;
  leases(): Iterable<Lease>;
  /** Whether there is a blob of this name, whatever its bytes. */
  hasBlob(name: HashName): boolean;
  /** Why the bytes of a blob are not those of its name; null where they are. */
  blobFault(name: HashName, onBytes: (bytes: number) => void): string | null;
  close(): Promise<void>;
}

/**
 * Opens a run directory for an audit.
 * @param onBlobs the ledger is open; whatever opening kills this process from here on is the blobs
 * @throws {LedgerError} ledger-missing
 */
export async function openEvidence(
  directory: string,
  onBlobs: () => void = () => {},
): Promise<Evidence> {
  const folder = join(directory, ledgerFolder);
  return passGate(folder, () => new LmdbEvidence(folder, join(directory, blobsFolder), onBlobs));
}

class LmdbEvidence implements Evidence {
  readonly #ledger: LmdbTables;
  readonly #blobs: LmdbBlobReader;

  constructor(ledger: string, blobs: string, onBlobs: () => void) {
    this.#ledger = new LmdbTables(ledger, true, () => performance.now());
    onBlobs();
    this.#blobs = new LmdbBlobReader(blobs, true);
  }

  head(): Head {
    const { size, hash } = this.#ledger.head();
    return { size, hash: Buffer.from(hash).toString("hex") };
  }

  rows(from: number): readonly StoredRow[] {
    return this.#ledger.rows(from, pageRowsMax);
  }

  streamRow(stream: string, seq: number): IndexedPart | null {
    return this.#ledger.streamRow(stream, seq);
  }

  commandRow(stream: string, command: string): IndexedPart | null {
    return this.#ledger.commandRow(stream, command);
  }

  tableSizes(): TableSizes {
    return this.#ledger.sizes();
  }

  leases(): Iterable<Lease> {
    return this.#ledger.leases();
  }

  hasBlob(name: HashName): boolean {
    return this.#blobs.hasNow(name);
  }

  blobFault(name: HashName, onBytes: (bytes: number) => void): string | null {
    return this.#blobs.faultOf(name, onBytes);
  }

  async close(): Promise<void> {
    await this.#ledger.close();
    await this.#blobs.close();
  }
}

/** Rows of a page lie in one piece of memory of this size, in bytes. */
const pageBytes = 1024 * 1024;

/** The tables of an LMDB ledger, row by row. */
export class LmdbTables extends LmdbReader {
  /** One look-up per row and one piece of memory per page: a cursor costs twice as much. */
  override rows(from: number, limit: number): StoredRow[] {
    const { events, environment } = this.databases;
    const page = new Uint8Array(pageBytes);
    const found: StoredRow[] = [];
    for (let used = 0, global = from; found.length < limit; global++) {
      const row = events.getBinaryFast(global);
      if (row === undefined || used + row.length > pageBytes) break;
      // Lmdb-js lends a larger buffer whose `length` it overwrites; methods of Node see the whole.
      page.set(row.subarray(0, row.length), used);
      found.push({ global, bytes: page.subarray(used, used + row.length) });
      used += row.length;
    }
    environment.resetReadTxn();
    // Nothing there: a gap, or the end, or a row too large to be an event.
    return found.length > 0 ? found : super.rows(from, limit);
  }

  streamRow(stream: string, seq: number): IndexedPart | null {
    return partOf(this.databases.streams.getBinaryFast([stream, seq]));
  }

  commandRow(stream: string, command: string): IndexedPart | null {
    return partOf(this.databases.commands.getBinaryFast([stream, command]));
  }

  sizes(): TableSizes {
    const { streams, commands } = this.databases;
    return { streams: streams.getKeysCount({}), commands: commands.getKeysCount({}) };
  }

  *leases(): Iterable<Lease> {
    for (const key of this.databases.leases.getKeys({})) {
      const lease = this.lease(String(key));
      if (lease !== null) yield lease;
    }
  }
}

/** @param row in memory that the next read takes */
function partOf(row: Buffer | undefined): IndexedPart | null {
  if (row === undefined) return null;
  const [first, count] = unpackPair(row);
  return { first, count };
}
