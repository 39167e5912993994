// Members written to a file and read from it, a bounded number at a time.
//
// 1. The seal is over every byte before it: no flipped, lost or added byte of the file goes unseen.
// 2. Pieces come back in order; no more than a few are in memory, whatever the file claims.
// 3. A file that inflates to many times its size ends the reading: it would fill a disk.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import {
  damaged,
  memberHeadBytes,
  memberSize,
  type Packing,
  packMember,
  pieceBytesMax,
  sealBytes,
  sealOf,
  unpackMember,
} from "./gzip-members.ts";

/** Members that are packed or unpacked at the same time: zlib has threads of its own. */
const membersAtOnce = 4;

/**
 * How much larger the content of a file may be than the file: events deflate to a fifth, images and
 * weights hardly at all. The first bytes may be anything.
 */
const inflationMax = 64;
const inflationFreeBytes = 64 * 1024 * 1024;

/** Cuts content into pieces and writes them. */
export class MembersWriter {
  readonly #file: FileHandle;
  readonly #sum = createHash("sha256");
  readonly #packing: Promise<Buffer>[] = [];
  #piece = Buffer.allocUnsafe(pieceBytesMax);
  #used = 0;
  #how: Packing = "text";
  /** Bytes of the file so far. */
  bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Adds content; its bytes may change once this resolves. */
  async write(content: Uint8Array): Promise<void> {
    for (let from = 0; from < content.length; ) {
      const end = Math.min(content.length, from + pieceBytesMax - this.#used);
      this.#piece.set(content.subarray(from, end), this.#used);
      this.#used += end - from;
      from = end;
      if (this.#used === pieceBytesMax) await this.#cut();
    }
  }

  /** What comes from here on is packed in another way, in members of its own. */
  async pack(how: Packing): Promise<void> {
    await this.#cut();
    this.#how = how;
  }

  /** Writes what is left, and the seal. */
  async end(): Promise<void> {
    await this.#cut();
    while (this.#packing.length > 0) await this.#settle();
    await this.#put(sealOf(this.#sum.digest()));
  }

  async #cut(): Promise<void> {
    if (this.#used === 0) return;
    const packing = packMember(this.#piece.subarray(0, this.#used), this.#how);
    // Awaited in order; one that fails meanwhile must not end the process.
    packing.catch(() => {});
    this.#packing.push(packing);
    this.#piece = Buffer.allocUnsafe(pieceBytesMax);
    this.#used = 0;
    if (this.#packing.length >= membersAtOnce) await this.#settle();
  }

  async #settle(): Promise<void> {
    const member = await this.#packing.shift();
    if (member === undefined) return;
    this.#sum.update(member);
    await this.#put(member);
  }

  async #put(bytes: Buffer): Promise<void> {
    await this.#file.writeFile(bytes);
    this.bytes += bytes.length;
  }
}

/**
 * The pieces of a file, in order; ends after the seal.
 * @param onRead told the bytes of the file that were read
 * @throws {BundleError} bundle-damaged
 */
export async function* readPieces(
  file: FileHandle,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  const members = new MembersReader(file);
  const unpacking: Promise<Buffer>[] = [];
  let bytes = 0;
  for (let isOpen = true; isOpen || unpacking.length > 0; ) {
    if (isOpen && unpacking.length < membersAtOnce) {
      const place = members.place;
      const member = await members.next();
      onRead(members.place);
      if (member === null) isOpen = false;
      else {
        const piece = unpackMember(member, place);
        piece.catch(() => {});
        unpacking.push(piece);
      }
      continue;
    }
    const piece = await unpacking.shift();
    if (piece === undefined) continue;
    bytes += piece.length;
    if (bytes > inflationFreeBytes + inflationMax * members.place) {
      throw damaged(members.place, `it inflates to more than ${inflationMax} times its size`);
    }
    yield piece;
  }
}

class MembersReader {
  readonly #file: FileHandle;
  readonly #sum = createHash("sha256");
  /** The byte of the file that comes next. */
  place = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The next member without its head; null after the seal. */
  async next(): Promise<Buffer | null> {
    const place = this.place;
    const head = await this.#read(memberHeadBytes);
    const size = memberSize(head, place);
    if (size === null) return this.#checkSeal(head, place);
    this.#sum.update(head);
    const rest = await this.#read(size - memberHeadBytes);
    this.#sum.update(rest);
    return rest;
  }

  async #checkSeal(head: Buffer, place: number): Promise<null> {
    const seal = Buffer.concat([head, await this.#read(sealBytes - head.length)]);
    if (!seal.equals(sealOf(this.#sum.digest()))) {
      throw damaged(place, "the seal is not that of the bytes before it");
    }
    const { bytesRead } = await this.#file.read(Buffer.alloc(1), 0, 1, null);
    if (bytesRead > 0) throw damaged(this.place, "something stands behind the seal");
    return null;
  }

  async #read(size: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(size);
    for (let filled = 0; filled < size; ) {
      const { bytesRead } = await this.#file.read(bytes, filled, size - filled, null);
      if (bytesRead === 0) throw damaged(this.place + filled, "the file ends too early");
      filled += bytesRead;
    }
    this.place += size;
    return bytes;
  }
}
