// What a bundle is made of, as it lies in a run directory: stored rows, leases, and blobs piece by
// piece. Reads while the run is written, and never holds a transaction long.
import { join } from "node:path";
import type { HashName } from "../../events/index.ts";
import { LmdbTables } from "../evidence.ts";
import { isWritten } from "../gate.ts";
import { type Head, type Lease, pageRowsMax, type StoredRow } from "../ledger.ts";
import { LmdbBlobReader } from "../lmdb-blobs.ts";
import { ledgerFolder, openToRead } from "../open.ts";

export interface BundleSource {
  /** Whether some process writes the ledger. */
  readonly isWritten: boolean;
  /** The head and the leases of one moment. */
  readonly head: Head;
  readonly leases: readonly Lease[];
  /** A page of rows. */
  rows(from: number): readonly StoredRow[];
  /** In bytes; null where the blob is not stored. */
  blobSize(name: HashName): number | null;
  /** Its bytes as they are stored. @throws {LedgerError} ledger-corrupt where some are missing */
  blobPieces(name: HashName): Iterable<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Opens a run directory to make a bundle of it.
 * @throws {LedgerError} ledger-missing, ledger-corrupt, ledger-in-use
 */
export async function openBundleSource(directory: string): Promise<BundleSource> {
  const isWrittenNow = await isWritten(join(directory, ledgerFolder));
  return openToRead(directory, (folder, blobsPath) => {
    const ledger = new LmdbTables(folder, true, () => performance.now());
    const blobs = new LmdbBlobReader(blobsPath, true);
    // In one turn, so that both are of one snapshot.
    const { size, hash } = ledger.head();
    const leases = [...ledger.leases()];
    return {
      isWritten: isWrittenNow,
      head: { size, hash: Buffer.from(hash).toString("hex") },
      leases,
      rows: (from) => ledger.rows(from, pageRowsMax),
      blobSize: (name) => blobs.sizeOf(name),
      blobPieces: (name) => blobs.piecesOf(name),
      async close() {
        await ledger.close();
        await blobs.close();
      },
    };
  });
}
