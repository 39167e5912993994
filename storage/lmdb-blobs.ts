// Blobs in an LMDB environment of their own (large values beside the events stall appends).
//
//   rows    hash (32 bytes), index (4 bytes, big-endian) -> up to 1 MiB
//   sizes   hash                                         -> size: written with the last rows
//
// A blob is there when its size is. A crash in the middle leaves rows that the next put overwrites.
import { createHash, hash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { assert, type HashName, hashName, isHashName } from "../events/index.ts";
import { LedgerError } from "./errors.ts";
import type { DurableBlobs } from "./group-ledger.ts";
import { type BlobReader, blobBytesMax } from "./ledger.ts";
import {
  type Bytes,
  commitFailure,
  type Environment,
  openEnvironment,
  openRows,
} from "./lmdb-env.ts";
import type { Turnstile } from "./turnstile.ts";

/** The tables of the blobs' environment. */
export const blobTables = ["rows", "sizes"] as const;
const rowBytes = 1024 * 1024;
/** Rows of one transaction: bounds the memory of a commit, and how long others wait for it. */
const rowsPerCommit = 16;
/** Rows that one transaction removes, as long as single blobs are not larger. */
const rowsPerRemoval = 256;
const hashBytes = 32;
const sizeBytes = 6;

function rowKey(key: Buffer, index: number): Buffer {
  const row = Buffer.alloc(hashBytes + 4);
  key.copy(row);
  row.writeUInt32BE(index, hashBytes);
  return row;
}

function keyOf(name: string): Buffer {
  assert(isHashName(name), `"${name}" is no blob name`);
  return Buffer.from(name.slice(name.indexOf(":") + 1), "hex");
}

/** Reads blobs, in the writer's process or in another. */
export class LmdbBlobReader implements BlobReader {
  readonly environment: Environment;
  protected readonly rows: Bytes;
  protected readonly sizes: Bytes;
  protected isClosed = false;

  constructor(path: string, readOnly: boolean) {
    this.environment = openEnvironment(path, readOnly);
    this.rows = openRows(this.environment, "rows");
    this.sizes = openRows(this.environment, "sizes");
  }

  async has(name: HashName): Promise<boolean> {
    this.checkOpen();
    return this.hasNow(name);
  }

  hasNow(name: string): boolean {
    return this.sizes.doesExist(keyOf(name));
  }

  async get(name: HashName): Promise<Uint8Array | null> {
    this.checkOpen();
    const key = keyOf(name);
    const sizeRow = this.sizes.get(key);
    if (sizeRow === undefined) return null;
    const bytes = new Uint8Array(sizeRow.readUIntBE(0, sizeBytes));
    for (let start = 0, index = 0; start < bytes.length; start += rowBytes, index++) {
      const row = this.rows.get(rowKey(key, index));
      const expected = Math.min(rowBytes, bytes.length - start);
      if (row?.length !== expected) throw corrupt(name);
      bytes.set(row, start);
    }
    this.environment.resetReadTxn();
    if (hashName(bytes) !== name) throw corrupt(name);
    return bytes;
  }

  /** In bytes, as it is stored; null where the blob is not. */
  sizeOf(name: HashName): number | null {
    const row = this.sizes.get(keyOf(name));
    if (row === undefined) return null;
    if (row.length !== sizeBytes) throw corrupt(name);
    return row.readUIntBE(0, sizeBytes);
  }

  /** The bytes as they are stored, row by row. @throws {LedgerError} ledger-corrupt */
  *piecesOf(name: HashName): Generator<Uint8Array> {
    const size = this.sizeOf(name) ?? 0;
    const key = keyOf(name);
    for (let start = 0, index = 0; start < size; start += rowBytes, index++) {
      const row = this.rows.get(rowKey(key, index));
      if (row?.length !== Math.min(rowBytes, size - start)) throw corrupt(name);
      yield row;
      this.environment.resetReadTxn();
    }
  }

  /**
   * Why a blob's bytes are not those of its name; null where they are. Holds one row at a time,
   * whatever size the blob claims; `onBytes` hears of each.
   */
  faultOf(name: HashName, onBytes: (bytes: number) => void): string | null {
    const key = keyOf(name);
    const claimed = this.sizes.get(key);
    if (claimed === undefined) return "it is not there";
    if (claimed.length !== sizeBytes) return "its size is not readable";
    const size = claimed.readUIntBE(0, sizeBytes);
    const sum = createHash("sha256");
    for (let start = 0, index = 0; start < size; start += rowBytes, index++) {
      const row = this.rows.get(rowKey(key, index));
      const expected = Math.min(rowBytes, size - start);
      if (row === undefined) return `its bytes from ${start} on are not there`;
      if (row.length !== expected) return `piece ${index} has ${row.length} of ${expected} bytes`;
      sum.update(row);
      onBytes(row.length);
      this.environment.resetReadTxn();
    }
    const found = `sha256:${sum.digest("hex")}`;
    return found === name ? null : `its bytes are those of ${found}`;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.environment.close();
  }

  /** LMDB's own words for it would be taken for a defect. */
  protected checkOpen(): void {
    if (this.isClosed) throw new LedgerError("ledger-closed", "the ledger is closed");
  }
}

function corrupt(name: string): LedgerError {
  return new LedgerError(
    "ledger-corrupt",
    `blob ${name} is damaged: restore it from a copy of the run directory`,
    { facts: { name } },
  );
}

export class LmdbBlobs extends LmdbBlobReader implements DurableBlobs {
  readonly #pending = new Map<string, Promise<HashName>>();
  readonly #turnstile: Turnstile;
  #failure: LedgerError | null = null;

  /** @param turnstile held while another process opens the environment */
  constructor(path: string, turnstile: Turnstile) {
    super(path, false);
    this.#turnstile = turnstile;
  }

  async put(bytes: Uint8Array): Promise<HashName> {
    this.checkOpen();
    if (this.#failure !== null) throw this.#failure;
    if (bytes.length > blobBytesMax) {
      throw new LedgerError(
        "ledger-invalid-request",
        `a blob of ${bytes.length} bytes, at most ${blobBytesMax} are allowed`,
      );
    }
    const digest = hash("sha256", bytes, "buffer");
    const name: HashName = `sha256:${digest.toString("hex")}`;
    if (this.hasNow(name)) return name;
    const pending = this.#pending.get(name) ?? this.#write(name, digest, bytes);
    this.#pending.set(name, pending);
    return pending;
  }

  /** Removes blobs, some at a time; those that are not there are passed over. */
  async remove(names: Iterable<HashName>): Promise<void> {
    let batch: [key: Buffer, rows: number][] = [];
    let rows = 0;
    const flush = async () => {
      const removed = batch;
      [batch, rows] = [[], 0];
      await this.#turnstile.pass(async () => {
        this.sizes.transactionSync(() => this.#removeRows(removed));
      });
      await setImmediate();
    };
    for (const name of names) {
      const size = this.sizeOf(name);
      if (size === null) continue;
      const count = Math.ceil(size / rowBytes);
      batch.push([keyOf(name), count]);
      rows += count;
      if (rows >= rowsPerRemoval) await flush();
    }
    if (batch.length > 0) await flush();
  }

  override async close(): Promise<void> {
    this.isClosed = true;
    await Promise.allSettled(this.#pending.values());
    await super.close();
  }

  #removeRows(blobs: readonly (readonly [key: Buffer, rows: number])[]): void {
    for (const [key, count] of blobs) {
      void this.sizes.remove(key);
      for (let index = 0; index < count; index++) void this.rows.remove(rowKey(key, index));
    }
  }

  async #write(name: HashName, key: Buffer, bytes: Uint8Array): Promise<HashName> {
    try {
      const count = Math.ceil(bytes.length / rowBytes);
      for (let first = 0; first < count || first === 0; first += rowsPerCommit) {
        await this.#turnstile.pass(() => this.#commit(key, bytes, first));
        if (first + rowsPerCommit < count) await setImmediate();
      }
      return name;
    } catch (thrown) {
      const cause = await commitFailure(thrown);
      this.#failure ??= new LedgerError(
        "ledger-failed",
        `no more blobs are written: ${cause.message}; mend the cause (a full disk?) and open anew`,
        { cause },
      );
      throw this.#failure;
    } finally {
      this.#pending.delete(name);
    }
  }

  /** Rows from `first` on, and with the last of them the size. */
  async #commit(key: Buffer, bytes: Uint8Array, first: number): Promise<void> {
    const count = Math.ceil(bytes.length / rowBytes);
    const end = Math.min(count, first + rowsPerCommit);
    // Conditional, because only a conditional batch has a promise of its own in lmdb-js.
    await this.sizes.ifNoExists(key, () => {
      for (let index = first; index < end; index++) {
        void this.rows.put(rowKey(key, index), rowOf(bytes, index));
      }
      if (end === count) void this.sizes.put(key, sizeRow(bytes.length));
    });
  }
}

/** Stores blobs as they come, under the names that they claim: whoever reads them checks them. */
export class LmdbBlobCopy extends LmdbBlobReader {
  #pending: (() => void)[] = [];
  #pendingBytes = 0;
  #key: Buffer = Buffer.alloc(hashBytes);
  #index = 0;

  constructor(path: string) {
    super(path, false);
  }

  /** Begins a blob; its rows follow. */
  begin(name: HashName, size: number): void {
    const key = keyOf(name);
    this.#key = key;
    this.#index = 0;
    this.#pending.push(() => void this.sizes.put(key, sizeRow(size)));
    this.#add(hashBytes);
  }

  /** Adds a row: of `rowBytes`, the last one shorter. Its bytes must not change. */
  add(row: Uint8Array): void {
    const key = rowKey(this.#key, this.#index++);
    const bytes = Buffer.from(row.buffer, row.byteOffset, row.length);
    this.#pending.push(() => void this.rows.put(key, bytes));
    this.#add(row.length);
  }

  /** Writes what is pending. */
  flush(): void {
    const puts = this.#pending;
    if (puts.length === 0) return;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.environment.transactionSync(() => {
      for (const put of puts) put();
    });
  }

  #add(bytes: number): void {
    this.#pendingBytes += bytes;
    if (this.#pendingBytes >= rowsPerCommit * rowBytes) this.flush();
  }
}

function rowOf(bytes: Uint8Array, index: number): Buffer {
  const start = index * rowBytes;
  const size = Math.min(rowBytes, bytes.length - start);
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, size);
}

function sizeRow(size: number): Buffer {
  const row = Buffer.alloc(sizeBytes);
  row.writeUIntBE(size, 0, sizeBytes);
  return row;
}
