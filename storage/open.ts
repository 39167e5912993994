// Opening a run directory's ledger: to write (one process), to read (any), or in memory.
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openGate, passGate } from "./gate.ts";
import { GroupLedger } from "./group-ledger.ts";
import type { Head, Ledger, LedgerReader } from "./ledger.ts";
import { LmdbBlobReader, LmdbBlobs } from "./lmdb-blobs.ts";
import { syncDirectory } from "./lmdb-env.ts";
import { LmdbReader, LmdbStore } from "./lmdb-store.ts";
import { MemoryBlobs, MemoryDisk, type MemoryFlush, MemoryStore } from "./memory.ts";
import { Turnstile } from "./turnstile.ts";
import { LedgerView, type ReadEvent } from "./view.ts";

export interface LedgerOptions {
  /** Milliseconds since 1970: goes into the envelopes. */
  readonly clock: () => number;
  /** Called after each commit with what is durable now: a hint for those who follow the ledger. */
  readonly onCommitted?: (head: Head) => void;
  /** By default the vocabulary's: `currentEvent`. */
  readonly readEvent?: ReadEvent;
}

export interface MemoryLedgerOptions extends LedgerOptions {
  /** What outlives the ledger; a new one by default. */
  readonly disk?: MemoryDisk;
  /** Stands for the work of a disk: may wait, and throws to make the write fail. */
  readonly flush?: MemoryFlush;
}

/** The folders of a run directory that hold LMDB environments. */
export const ledgerFolder = "ledger";
export const blobsFolder = "blobs";

/**
 * Opens the ledger of the run directory `directory` for writing; creates it if it is not there.
 * @throws {LedgerError} ledger-in-use, ledger-corrupt
 */
export async function openLedger(directory: string, options: LedgerOptions): Promise<Ledger> {
  const folders = [join(directory, ledgerFolder), join(directory, blobsFolder)] as const;
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const turnstile = new Turnstile();
  const gate = await openGate(folders[0], () => turnstile.hold());
  try {
    const [store, blobs] = await openForWriting(folders[0], folders[1], turnstile);
    for (const folder of [...folders, directory, dirname(directory)]) await syncDirectory(folder);
    return new GroupLedger(store, blobs, { ...options, closed: () => gate.close() });
  } catch (thrown) {
    await gate.close();
    throw thrown;
  }
}

async function openForWriting(
  ledgerPath: string,
  blobsPath: string,
  turnstile: Turnstile,
): Promise<[LmdbStore, LmdbBlobs]> {
  const store = new LmdbStore(ledgerPath, () => performance.now(), turnstile);
  try {
    await store.takeOver();
    return [store, new LmdbBlobs(blobsPath, turnstile)];
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/**
 * Opens the ledger of a run directory for reading, while another process may write it.
 * @param now milliseconds; bounds how long one page may read
 * @throws {LedgerError} ledger-missing
 */
export async function openLedgerReader(
  directory: string,
  now: () => number = () => performance.now(),
): Promise<LedgerReader> {
  const folder = join(directory, ledgerFolder);
  return passGate(folder, () => {
    const store = new LmdbReader(folder, true, now);
    const blobs = new LmdbBlobReader(join(directory, blobsFolder), true);
    return new LedgerView(store, blobs, () => blobs.close());
  });
}

/** Opens a ledger in memory: for simulation and tests. */
export async function openMemoryLedger(options: MemoryLedgerOptions): Promise<Ledger> {
  const { disk = new MemoryDisk(), flush = async () => {} } = options;
  const store = new MemoryStore(disk, flush);
  return new GroupLedger(store, new MemoryBlobs(disk, flush), options);
}
