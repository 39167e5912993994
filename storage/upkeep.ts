// A run's ledger opened to look after its files: blobs are removed, files made smaller.
//
// 1. Whoever does this is the ledger's one writer: nobody else writes meanwhile, and no run goes
//    on.
// 2. What is removed must have been recorded before (I1): to tell that is the caller's part.
// 3. A file is replaced in one moment by a whole and durable copy. A process that dies before
//    leaves the old one, after it the new one; whoever has the old one open goes on reading it.
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { HashName } from "../events/index.ts";
import { GroupLedger } from "./group-ledger.ts";
import type { Ledger } from "./ledger.ts";
import { dataFile, type Environment, lockFile, syncDirectory } from "./lmdb-env.ts";
import { blobsFolder, type LedgerOptions, ledgerFolder, openStores } from "./open.ts";

/** The folder in which a smaller copy is made; one that is there is of a process that died. */
const draftFolder = "compacting";

/** The size of the files before and after, in bytes. */
export interface Compaction {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** A ledger that is looked after. */
export interface Upkeep {
  readonly ledger: Ledger;
  /** The size of a blob in bytes; null where it is not stored. */
  blobBytes(name: HashName): number | null;
  /** Removes blobs; those that are not there are passed over. */
  removeBlobs(names: Iterable<HashName>): Promise<void>;
  /** Gives back what removed rows took. Nothing can be read or written afterwards: close. */
  compact(): Promise<Compaction>;
  close(): Promise<void>;
}

/**
 * Opens the ledger of a run directory to look after it.
 * @throws {LedgerError} ledger-in-use, ledger-corrupt
 */
export async function openUpkeep(directory: string, options: LedgerOptions): Promise<Upkeep> {
  const { store, blobs, turnstile, closed } = await openStores(directory);
  const ledger = new GroupLedger(store, blobs, { ...options, closed });
  const folders = [
    [store.environment, join(directory, ledgerFolder)],
    [blobs.environment, join(directory, blobsFolder)],
  ] as const;
  return {
    ledger,
    blobBytes: (name) => blobs.sizeOf(name),
    removeBlobs: (names) => blobs.remove(names),
    async compact() {
      const bytesBefore = await bytesOf(folders);
      for (const [environment, folder] of folders) {
        await writeSmaller(environment, folder);
        // Who asks to open the files now waits until they are the new ones.
        await turnstile.pass(() => replace(folder));
      }
      return { bytesBefore, bytesAfter: await bytesOf(folders) };
    },
    close: () => ledger.close(),
  };
}

async function bytesOf(
  folders: readonly (readonly [environment: Environment, folder: string])[],
): Promise<number> {
  const sizes = await Promise.all(folders.map(([, folder]) => stat(join(folder, dataFile))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** Writes a copy without the free pages beside the file, and makes it durable. */
async function writeSmaller(environment: Environment, folder: string): Promise<void> {
  const draft = join(folder, draftFolder);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft);
  try {
    await environment.backup(draft, true);
    const handle = await open(join(draft, dataFile), "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    await rm(draft, { recursive: true, force: true });
    throw thrown;
  }
}

/** The lock file speaks of the old file: whoever opens the new one makes another. */
async function replace(folder: string): Promise<void> {
  const draft = join(folder, draftFolder);
  await rename(join(draft, dataFile), join(folder, dataFile));
  await rm(join(folder, lockFile), { force: true });
  await rm(draft, { recursive: true, force: true });
  await syncDirectory(folder);
}
