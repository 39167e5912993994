// Opening a run directory's ledger: to write (one process), to read (any), or in memory.
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { HashName } from "../events/index.ts";
import { LedgerError } from "./errors.ts";
import { hasFreeList } from "./free-list.ts";
import { openGate, passGate } from "./gate.ts";
import { connectGate, inUse } from "./gate-name.ts";
import { GroupLedger } from "./group-ledger.ts";
import type { Head, Ledger, LedgerReader } from "./ledger.ts";
import { blobTables, LmdbBlobReader, LmdbBlobs } from "./lmdb-blobs.ts";
import { dataFile, syncDirectory } from "./lmdb-env.ts";
import { LmdbReader, ledgerTables } from "./lmdb-reader.ts";
import { LmdbStore } from "./lmdb-store.ts";
import { MemoryBlobs, MemoryDisk, type MemoryFlush, MemoryStore } from "./memory.ts";
import { isStopped } from "./owner.ts";
import { probe, type Suspect } from "./probe.ts";
import { isShort } from "./short-file.ts";
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

/** A ledger that lies on this host. */
export interface LocalReader extends LedgerReader {
  /** The size of a blob in bytes, as it is stored; null where it is not. */
  blobBytes(name: HashName): number | null;
}

/** The folders of a run directory that hold LMDB environments. */
export const ledgerFolder = "ledger";
export const blobsFolder = "blobs";

/**
 * Opens the ledger of the run directory `directory` for writing; creates it if it is not there.
 * @throws {LedgerError} ledger-in-use, ledger-corrupt, ledger-partial
 */
export async function openLedger(directory: string, options: LedgerOptions): Promise<Ledger> {
  const { store, blobs, closed } = await openStores(directory);
  return new GroupLedger(store, blobs, { ...options, closed });
}

/** The stores of a run directory, opened by the one process that may write them. */
export interface Stores {
  readonly store: LmdbStore;
  readonly blobs: LmdbBlobs;
  /** Held while another process opens the environments. */
  readonly turnstile: Turnstile;
  /** To be called once both are closed. */
  readonly closed: () => Promise<void>;
}

/**
 * Opens the stores under a ledger for writing.
 * @param isCopying to go on with a copy that is not whole
 * @throws {LedgerError} ledger-in-use, ledger-corrupt, ledger-partial
 */
export async function openStores(directory: string, isCopying = false): Promise<Stores> {
  const folders = [join(directory, ledgerFolder), join(directory, blobsFolder)] as const;
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const turnstile = new Turnstile();
  const gate = await openGate(folders[0], () => turnstile.hold());
  try {
    for (const suspect of suspectsOf(directory)) {
      await probe(directory, folders[0], suspect);
      requireFreeList(directory, join(suspect.path, dataFile));
    }
    const store = await openStore(folders[0], turnstile, isCopying);
    const blobs = new LmdbBlobs(folders[1], turnstile);
    for (const folder of [...folders, directory, dirname(directory)]) await syncDirectory(folder);
    return { store, blobs, turnstile, closed: () => gate.close() };
  } catch (thrown) {
    await gate.close();
    throw thrown;
  }
}

async function openStore(
  path: string,
  turnstile: Turnstile,
  isCopying: boolean,
): Promise<LmdbStore> {
  const store = new LmdbStore(path, () => performance.now(), turnstile);
  try {
    await store.takeOver(isCopying);
    return store;
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/**
 * Opens the ledger of a run directory for reading, while another process may write it.
 * @param now milliseconds; bounds how long one page may read
 * @throws {LedgerError} ledger-missing, ledger-corrupt, ledger-in-use
 */
export async function openLedgerReader(
  directory: string,
  now: () => number = () => performance.now(),
): Promise<LocalReader> {
  return openToRead(directory, (folder, blobsPath) => {
    const store = new LmdbReader(folder, true, now);
    const blobs = new LmdbBlobReader(blobsPath, true);
    const view = new LedgerView(store, blobs, () => blobs.close());
    return Object.assign(view, { blobBytes: (name: HashName) => blobs.sizeOf(name) });
  });
}

/**
 * Runs `open`, that opens the environments of a run directory for reading, while nobody commits,
 * and not before what looks damaged has been read elsewhere.
 * @throws {LedgerError} ledger-corrupt, ledger-in-use
 */
export async function openToRead<T extends object>(
  directory: string,
  open: (ledger: string, blobs: string) => T,
): Promise<T> {
  const [ledger, blobs] = [join(directory, ledgerFolder), join(directory, blobsFolder)];
  const found = await passGate(ledger, () => {
    const suspects = suspectsOf(directory);
    return { suspects, opened: suspects.length === 0 ? open(ledger, blobs) : null };
  });
  if (found.opened !== null) return found.opened;
  for (const suspect of found.suspects) await probe(directory, ledger, suspect);
  return passGate(ledger, () => open(ledger, blobs));
}

/** A file that can be read whole may still have lost what a writer needs. */
function requireFreeList(directory: string, file: string): void {
  if (hasFreeList(file)) return;
  throw new LedgerError(
    "ledger-corrupt",
    `${file} was cut short: all its rows are there, but not its list of free pages, so that ` +
      `nothing can be written; \`varft backup ${basename(directory)} -o DIR\` makes a whole copy`,
    { facts: { file } },
  );
}

/** The environments of a run directory whose files look cut short. */
function suspectsOf(directory: string): readonly Suspect[] {
  const environments = [
    { path: join(directory, ledgerFolder), tables: ledgerTables },
    { path: join(directory, blobsFolder), tables: blobTables },
  ];
  return environments.filter(({ path }) => isShort(join(path, dataFile)));
}

/** What is to be said where the writer of a run directory's ledger stands still; else null. */
export async function stoppedWriter(directory: string): Promise<LedgerError | null> {
  const folder = join(directory, ledgerFolder);
  const writer = await connectGate(folder);
  if (writer === null) return null;
  const { socket, pid } = writer;
  socket.destroy();
  return pid !== null && isStopped(pid) ? inUse(folder, pid) : null;
}

/** Opens a ledger in memory: for simulation and tests. */
export async function openMemoryLedger(options: MemoryLedgerOptions): Promise<Ledger> {
  const { disk = new MemoryDisk(), flush = async () => {} } = options;
  const store = new MemoryStore(disk, flush);
  return new GroupLedger(store, new MemoryBlobs(disk, flush), options);
}
