// Whether an LMDB file still has its list of free pages. No reader needs it, so that a file can
// give all its rows without it; a writer looks there for room, and is killed where the file ends.
//
// Read from the file and not from a map (mdb.c, `MDB_page`, `MDB_node` and `MDB_ovpage`, as lmdb-js
// has them): what is not there is found then, and kills nobody.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readMeta } from "./short-file.ts";

// Offsets in bytes: in a page, and in a node of it.
const flagsAt = 18;
const lowerAt = 20;
const headerBytes = 24;
const nodeFlagsAt = 4;
const keyBytesAt = 6;
const keyAt = 8;
/** A page number with its three 16-bit words. */
const pageNumberBytes = 6;
/** Where a value that has pages of its own says how many. */
const pagesAt = 16;

const branchFlag = 0x01;
const leafFlag = 0x02;
const ownPagesFlag = 0x01;
const depthMax = 32;

/** Whether all pages of the list lie within `file`. */
export function hasFreeList(file: string): boolean {
  const handle = openSync(file, "r");
  try {
    const meta = readMeta(handle);
    if (meta === null) return false;
    const { pageBytes, freeRoot } = meta;
    if (freeRoot === null) return true;
    const pages = Math.floor(fstatSync(handle).size / pageBytes);
    return hasTree({ handle, pageBytes, pages }, freeRoot, depthMax);
  } catch (thrown) {
    // Bytes that are no page lead out of it.
    if (thrown instanceof RangeError) return false;
    throw thrown;
  } finally {
    closeSync(handle);
  }
}

interface File {
  readonly handle: number;
  readonly pageBytes: number;
  /** How many it has. */
  readonly pages: number;
}

function hasTree(file: File, number: number, depth: number): boolean {
  if (depth === 0 || number >= file.pages) return false;
  const page = Buffer.alloc(file.pageBytes);
  readSync(file.handle, page, 0, page.length, number * file.pageBytes);
  const flags = page.readUInt16LE(flagsAt);
  if ((flags & (branchFlag | leafFlag)) === 0) return false;
  for (let at = headerBytes; at < headerBytes + page.readUInt16LE(lowerAt); at += 2) {
    const node = page.subarray(headerBytes + page.readUInt16LE(at));
    const isThere =
      (flags & branchFlag) !== 0
        ? hasTree(file, node.readUIntLE(0, pageNumberBytes), depth - 1)
        : hasValue(file, node);
    if (!isThere) return false;
  }
  return true;
}

/** Whether the value of a leaf's node lies within the file. */
function hasValue(file: File, node: Buffer): boolean {
  if ((node.readUInt16LE(nodeFlagsAt) & ownPagesFlag) === 0) return true;
  const value = node.subarray(keyAt + node.readUInt16LE(keyBytesAt));
  const end = value.readBigUInt64LE(0) + value.readBigUInt64LE(pagesAt);
  return end <= BigInt(file.pages);
}
