// Whether an LMDB file is shorter than it says of itself. LMDB maps its file and believes it: to
// read a page behind the end kills the process (SIGBUS), so that this is looked at before.
//
// A short file need not be damaged: pages that were taken and given back in one transaction are
// never written. Whether one is, `probe.ts` finds out.
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";

// The beginning of a file is two meta pages, of which the newer one counts (mdb.c, `MDB_meta`, as
// lmdb-js has it): offsets in bytes from the page on, its header of 24 bytes included.
const magicAt = 24;
const versionAt = 28;
const pageBytesAt = 48;
const freeRootAt = 88;
const lastPageAt = 144;
const transactionAt = 152;
const metaBytes = 160;
const magic = 0xbeefc0de;
const version = 2;
/** The root of an empty tree. */
const noPage = 2n ** 64n - 1n;

interface Meta {
  readonly pageBytes: number;
  /** The page where the list of free pages begins; null: it is empty. */
  readonly freeRoot: number | null;
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** Whether `file` ends before the last page that it speaks of, or within its first ones. */
export function isShort(file: string): boolean {
  if (!existsSync(file)) return false;
  const handle = openSync(file, "r");
  try {
    const meta = readMeta(handle);
    return meta === null || fstatSync(handle).size < (meta.lastPage + 1) * meta.pageBytes;
  } finally {
    closeSync(handle);
  }
}

/** The newer meta page of an open file; null where one of the two cannot be read. */
export function readMeta(handle: number): Meta | null {
  const first = metaAt(handle, 0);
  const second = first && metaAt(handle, first.pageBytes);
  if (first === null || second === null) return null;
  return second.transaction > first.transaction ? second : first;
}

/** The meta page at `position`; null where none can be read. */
function metaAt(handle: number, position: number): Meta | null {
  const bytes = Buffer.alloc(metaBytes);
  if (readSync(handle, bytes, 0, metaBytes, position) < metaBytes) return null;
  const isMeta = bytes.readUInt32LE(magicAt) === magic && bytes.readUInt16LE(versionAt) === version;
  if (!isMeta) return null;
  const freeRoot = bytes.readBigUInt64LE(freeRootAt);
  return {
    freeRoot: freeRoot === noPage ? null : Number(freeRoot),
    pageBytes: bytes.readUInt32LE(pageBytesAt),
    lastPage: Number(bytes.readBigUInt64LE(lastPageAt)),
    transaction: bytes.readBigUInt64LE(transactionAt),
  };
}
