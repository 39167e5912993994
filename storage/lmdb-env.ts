// Opening LMDB environments the one way that this room relies on.
//
// - `overlappingSync: false`: a commit becomes visible after it is on disk, not before, so that no
//   reader in any process ever acts on an event that a power failure could take back (I1).
// - `eventTurnBatching: false` and no conditional `put`s inside a batch: both make lmdb-js create
//   promises that nobody can reach, and their rejection would end the process on a full disk.
// - Values are bytes that we encode. Nothing lies in the root database.
import { existsSync, mkdirSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { type Database, type Key, open, type RootDatabase } from "lmdb";
import { ensureError } from "../events/index.ts";
import { LedgerError } from "./errors.ts";

export type Bytes = Database<Buffer, Key>;
export type Environment = RootDatabase<Buffer, Key>;

const databasesMax = 8;
/** The files of an environment, in its folder. */
export const dataFile = "data.mdb";
export const lockFile = "lock.mdb";

/** Opens (and for writing creates) the environment in the folder `path`. */
export function openEnvironment(path: string, readOnly: boolean): Environment {
  if (readOnly && !existsSync(join(path, dataFile))) {
    throw new LedgerError("ledger-missing", `there is no ledger in ${path}`, { facts: { path } });
  }
  if (!readOnly) mkdirSync(path, { recursive: true });
  return open<Buffer, Key>({
    path,
    readOnly,
    maxDbs: databasesMax,
    encoding: "binary",
    overlappingSync: false,
    eventTurnBatching: false,
  });
}

/** Opens a database of rows that are bytes. */
export function openRows(environment: Environment, name: string, useVersions = false): Bytes {
  const rows: Bytes | undefined = environment.openDB({ name, encoding: "binary", useVersions });
  if (rows === undefined) {
    throw new LedgerError("ledger-missing", `the ledger has no "${name}": it was never opened`);
  }
  return rows;
}

/** Makes the creation of files in `directory` durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await openFile(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The real reason of a failed commit: lmdb-js hangs it on the error as a promise that rejects. */
export async function commitFailure(thrown: unknown): Promise<Error> {
  const error = ensureError(thrown);
  if (!("commitError" in error) || !(error.commitError instanceof Promise)) return error;
  return error.commitError.then(
    () => error,
    (reason: unknown) => ensureError(reason),
  );
}
