// Bytes that grow, and whole numbers in as few of them as they need: seven bits to a byte, lowest
// first, the top bit set on all but the last (LEB128).
import { assert } from "../../../events/index.ts";

/** The largest number that is written: 2^42 − 1, so that six bytes are enough. */
const numberMax = 2 ** 42 - 1;

/** Bytes that are written one after the other. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  /** @param bytes what is expected; more is no fault */
  constructor(bytes = 1_024) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written, valid until the next write. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  number(value: number): void {
    const isWritten = value >= 0 && value <= numberMax;
    assert(isWritten, "a number that is written is whole and below 2^42");
    this.#reserve(6);
    const bytes = this.#bytes;
    let rest = value;
    // Beyond 31 bits the fast operators would cut.
    while (rest > 0x7fff_ffff) {
      bytes[this.#length++] = 0x80 | (rest % 0x80);
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      bytes[this.#length++] = 0x80 | (rest & 0x7f);
      rest >>>= 7;
    }
    bytes[this.#length++] = rest;
  }

  /** Four bytes, lowest first. */
  word(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + more));
    larger.set(this.written);
    this.#bytes = larger;
  }
}

/** Reads what a `ByteWriter` wrote. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.position = position;
  }

  number(): number {
    let byte = this.#bytes[this.position++] as number;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = this.#bytes[this.position++] as number;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return value;
  }
}
