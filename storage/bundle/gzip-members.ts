// The outermost layer of a bundle: a gzip file (RFC 1952) of many members, so that any tool that
// reads gzip reads a bundle, and this one can read it in pieces of bounded size. Each member says
// in its header's extra field how long it is; the last one is empty and seals the file.
//
//   member   1f 8b 08 04  00000000 00 ff  08 00  "VF" 04 00  size of the member (u32)
//            raw deflate of one piece, its CRC-32, its length               all little-endian
//   seal     1f 8b 08 04  00000000 00 ff  24 00  "VS" 20 00  SHA-256 of the file so far
//            03 00, CRC-32 and length of nothing
//
// Pure: bytes come in, bytes go out. Equal pieces give equal members, from one build of zlib.
import { promisify } from "node:util";
import { constants, crc32, deflateRaw, inflateRaw, type ZlibOptions } from "node:zlib";
import { BundleError } from "./errors.ts";

/** The most content of one member, in bytes. */
export const pieceBytesMax = 1024 * 1024;
/** The bytes before a member's deflated piece, and those after it. */
export const memberHeadBytes = 20;
const memberTailBytes = 8;
/** What cannot be deflated grows by five bytes in 16 KiB; with room. */
const memberBytesMax = pieceBytesMax + 4_096 + memberHeadBytes + memberTailBytes;
const memberBytesMin = memberHeadBytes + 2 + memberTailBytes;
/** The length of the last member, in bytes. */
export const sealBytes = 58;

/** How a piece is deflated. */
export type Packing = "text" | "numbers";

/**
 * Events repeat themselves. Weights do not: looking for repeats in them costs twice the time and
 * finds none, so that only the frequencies of their bytes are made use of.
 */
const packings: Readonly<Record<Packing, ZlibOptions>> = {
  text: { level: 6 },
  numbers: { level: 1, strategy: constants.Z_HUFFMAN_ONLY },
};

const start = Buffer.from("1f8b080400000000" + "00ff", "hex");
const memberExtra = Buffer.concat([start, Buffer.from("0800", "hex"), Buffer.from("VF\x04\x00")]);
const sealExtra = Buffer.concat([start, Buffer.from("2400", "hex"), Buffer.from("VS\x20\x00")]);
const nothing = Buffer.from("0300" + "00000000" + "00000000", "hex");

const deflateAsync = promisify(deflateRaw);
const inflateAsync = promisify(inflateRaw) as unknown as (
  packed: Uint8Array,
  options: ZlibOptions,
) => Promise<{ readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }>;

const inflating = { chunkSize: pieceBytesMax, maxOutputLength: pieceBytesMax, info: true };

/** The member that holds `piece`. */
export async function packMember(piece: Uint8Array, packing: Packing): Promise<Buffer> {
  const packed = await deflateAsync(piece, { ...packings[packing], chunkSize: pieceBytesMax });
  const head = Buffer.alloc(memberHeadBytes);
  memberExtra.copy(head);
  head.writeUInt32LE(memberHeadBytes + packed.length + memberTailBytes, memberExtra.length);
  const tail = Buffer.alloc(memberTailBytes);
  tail.writeUInt32LE(crc32(piece), 0);
  tail.writeUInt32LE(piece.length, 4);
  return Buffer.concat([head, packed, tail]);
}

/** The last member of a file whose bytes before it have the hash `sum` (32 bytes). */
export function sealOf(sum: Uint8Array): Buffer {
  return Buffer.concat([sealExtra, sum, nothing]);
}

/**
 * What begins with the bytes `head` (`memberHeadBytes` of them): a member of so many bytes, or null
 * for the seal.
 * @throws {BundleError}
 */
export function memberSize(head: Buffer, place: number): number | null {
  if (head.subarray(0, sealExtra.length).equals(sealExtra)) return null;
  if (!head.subarray(0, memberExtra.length).equals(memberExtra)) {
    throw damaged(place, place === 0 ? "it does not begin as a bundle" : "no member begins here");
  }
  const size = head.readUInt32LE(memberExtra.length);
  if (size >= memberBytesMin && size <= memberBytesMax) return size;
  throw damaged(place, `a member of ${size} bytes, at most ${memberBytesMax} are allowed`);
}

/**
 * The piece in a member without its head.
 * @throws {BundleError}
 */
export async function unpackMember(member: Buffer, place: number): Promise<Buffer> {
  const packed = member.subarray(0, -memberTailBytes);
  const tail = member.subarray(-memberTailBytes);
  const { buffer: piece, engine } = await inflateAsync(packed, inflating).catch((cause) => {
    throw damaged(place, "a member cannot be inflated to at most 1 MiB", cause);
  });
  if (engine.bytesWritten !== packed.length) {
    throw damaged(place, "a member goes on behind its content");
  }
  if (piece.length !== tail.readUInt32LE(4) || crc32(piece) !== tail.readUInt32LE(0)) {
    throw damaged(place, "a member's checksum is not that of its content");
  }
  return piece;
}

/** The file is not as it was written. @param place the byte of the file */
export function damaged(place: number, reason: string, cause?: unknown): BundleError {
  return new BundleError("bundle-damaged", `byte ${place} of the file: ${reason}`, { cause });
}
