// A ledger written from stored rows that come from elsewhere, as they are: not appended, not
// decided, not believed. What its events say is for an audit, which reads the copy as it would the
// original; so that nobody ever opens an LMDB file that somebody else has made.
//
// 1. The index has a row for every append, as it would had the events been appended here. A row
//    that is no event is in no index.
// 2. The head is what its giver says it is: whether the rows give it, the audit finds out.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CodecError,
  decodeEnvelope,
  type EventEnvelope,
  type HashName,
  isName,
} from "../events/index.ts";
import { chainHashBytes } from "./chain.ts";
import { LedgerError } from "./errors.ts";
import type { Head, Lease } from "./ledger.ts";
import { LmdbBlobCopy } from "./lmdb-blobs.ts";
import { LmdbStore } from "./lmdb-store.ts";
import { blobsFolder, ledgerFolder } from "./open.ts";
import { PartIndex } from "./part-index.ts";
import { Turnstile } from "./turnstile.ts";

/** A commit holds so many bytes of events, or so many leases. */
const groupBytesMax = 4 * 1024 * 1024;
const groupLeasesMax = 4_096;

export class LedgerCopy {
  readonly #store: LmdbStore;
  readonly #blobs: LmdbBlobCopy;
  #rows: Uint8Array[] = [];
  #bytes = 0;
  readonly #index = new PartIndex();
  #leases: Lease[] = [];
  #size = 0;
  #written = 0;
  #group = 0;

  private constructor(store: LmdbStore, blobs: LmdbBlobCopy) {
    this.#store = store;
    this.#blobs = blobs;
  }

  /** Opens an empty run directory, which nobody else knows yet. */
  static async open(directory: string): Promise<LedgerCopy> {
    const [ledger, blobs] = [join(directory, ledgerFolder), join(directory, blobsFolder)];
    for (const folder of [ledger, blobs]) await mkdir(folder, { recursive: true });
    const store = new LmdbStore(ledger, () => performance.now(), new Turnstile());
    await store.takeOver();
    return new LedgerCopy(store, new LmdbBlobCopy(blobs));
  }

  /** Adds the next row. */
  async addRow(bytes: Uint8Array): Promise<void> {
    this.#size += 1;
    this.#rows.push(bytes.slice());
    this.#bytes += bytes.length;
    this.#index.add(readEvent(bytes), this.#size);
    if (this.#bytes >= groupBytesMax) await this.#commit(this.#ownHead());
  }

  async addLease(lease: Lease): Promise<void> {
    this.#leases.push(lease);
    if (this.#leases.length >= groupLeasesMax) await this.#commit(this.#ownHead());
  }

  beginBlob(name: HashName, size: number): void {
    this.#blobs.begin(name, size);
  }

  /** Adds a piece of the blob that was begun: of 1 MiB, the last one shorter. */
  addPiece(bytes: Uint8Array): void {
    this.#blobs.add(bytes.slice());
  }

  /** Writes what is left, and the head. */
  async finish({ size, hash }: Head): Promise<void> {
    await this.#commit({ size, hash: Buffer.from(hash, "hex") });
    this.#blobs.flush();
  }

  async close(): Promise<void> {
    await this.#store.close();
    await this.#blobs.close();
  }

  async #commit(head: { readonly size: number; readonly hash: Uint8Array }): Promise<void> {
    const isWritten = await this.#store.commit({
      number: ++this.#group,
      firstGlobal: this.#written + 1,
      events: this.#rows,
      parts: this.#index.take(),
      leases: this.#leases,
      head,
    });
    if (!isWritten) throw new LedgerError("ledger-failed", "another process writes this copy");
    this.#written = this.#size;
    [this.#rows, this.#leases, this.#bytes] = [[], [], 0];
  }

  /** Of a copy that is still being written. */
  #ownHead() {
    return { size: this.#size, hash: new Uint8Array(chainHashBytes) };
  }
}

/** An event that an index can name. */
function readEvent(bytes: Uint8Array): EventEnvelope | null {
  try {
    const event = decodeEnvelope(bytes);
    return isName(event.stream) && isName(event.command) ? event : null;
  } catch (thrown) {
    if (thrown instanceof CodecError) return null;
    throw thrown;
  }
}
