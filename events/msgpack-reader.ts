// Reads msgpack bytes that `scanMsgpack` has found whole: no length is checked here a second time.
// The ledger is decoded by this again and again, by every fold, follower and audit, so it is made
// for short maps of few different keys: keys are looked up and not built.

/** What the reader leaves to the codec. */
export interface ReaderOptions {
  /** The value of an extension; throws for one that is not known. */
  readonly extension: (type: number, bytes: Uint8Array) => unknown;
  /** Says what is wrong; the reader throws what comes back. */
  readonly fault: (reason: string) => Error;
}

/** Below, text is put together here; a call into the engine costs more. */
const shortTextBytes = 16;
/** Keys that are remembered, and the longest of them. */
const keySlots = 4_096;
const keyBytesMax = 32;

interface KnownKey {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const knownKeys = new Array<KnownKey | undefined>(keySlots);

export class MsgpackReader {
  readonly #options: ReaderOptions;
  #bytes: Buffer = Buffer.alloc(0);
  #madeView: DataView | null = null;
  #at = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** The value in `bytes`. Byte arrays in it are views of `bytes`. */
  read(bytes: Uint8Array): unknown {
    const { buffer, byteOffset, byteLength } = bytes;
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    this.#madeView = null;
    this.#at = 0;
    return this.#value();
  }

  /** Made where there is a number that needs it: many events have none. */
  get #view(): DataView {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    this.#madeView ??= new DataView(buffer, byteOffset, byteLength);
    return this.#madeView;
  }

  #value(): unknown {
    const head = this.#bytes[this.#at++] as number;
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head - 0x80);
    if (head < 0xa0) return this.#list(head - 0x90);
    if (head < 0xc0) return this.#text(head - 0xa0);
    if (head >= 0xe0) return head - 0x100;
    return head < 0xca ? this.#constantOrBytes(head) : this.#numberOrLong(head);
  }

  #constantOrBytes(head: number): unknown {
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#piece(this.#unsigned(1));
      case 0xc5:
        return this.#piece(this.#unsigned(2));
      case 0xc6:
        return this.#piece(this.#unsigned(4));
      default:
        return this.#extension(this.#unsigned(1 << (head - 0xc7)));
    }
  }

  #numberOrLong(head: number): unknown {
    if (head < 0xd4) return this.#number(head);
    if (head < 0xd9) return this.#extension(1 << (head - 0xd4));
    switch (head) {
      case 0xd9:
        return this.#text(this.#unsigned(1));
      case 0xda:
        return this.#text(this.#unsigned(2));
      case 0xdb:
        return this.#text(this.#unsigned(4));
      case 0xdc:
        return this.#list(this.#unsigned(2));
      case 0xdd:
        return this.#list(this.#unsigned(4));
      case 0xde:
        return this.#map(this.#unsigned(2));
      default:
        return this.#map(this.#unsigned(4));
    }
  }

  #number(head: number): number {
    const at = this.#at;
    switch (head) {
      case 0xca:
        this.#at += 4;
        return this.#view.getFloat32(at);
      case 0xcb:
        this.#at += 8;
        return this.#view.getFloat64(at);
      case 0xcf:
        this.#at += 8;
        return Number(this.#view.getBigUint64(at));
      case 0xd0:
        this.#at += 1;
        return this.#view.getInt8(at);
      case 0xd1:
        this.#at += 2;
        return this.#view.getInt16(at);
      case 0xd2:
        this.#at += 4;
        return this.#view.getInt32(at);
      case 0xd3:
        this.#at += 8;
        return Number(this.#view.getBigInt64(at));
      default:
        return this.#unsigned(1 << (head - 0xcc));
    }
  }

  #unsigned(width: number): number {
    const at = this.#at;
    this.#at += width;
    let value = 0;
    for (let index = at; index < at + width; index++) {
      value = value * 256 + (this.#bytes[index] as number);
    }
    return value;
  }

  /** A view that is no Node `Buffer`. */
  #piece(length: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    const at = this.#at;
    this.#at += length;
    return new Uint8Array(buffer, byteOffset + at, length);
  }

  #extension(length: number): unknown {
    const type = this.#bytes[this.#at++] as number;
    return this.#options.extension(type < 0x80 ? type : type - 0x100, this.#piece(length));
  }

  #list(length: number): unknown[] {
    const items: unknown[] = [];
    for (let index = 0; index < length; index++) items.push(this.#value());
    return items;
  }

  #map(length: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let index = 0; index < length; index++) {
      const key = this.#key();
      map[key] = this.#value();
    }
    return map;
  }

  #key(): string {
    const head = this.#bytes[this.#at] as number;
    if (head >= 0xa0 && head < 0xc0) {
      this.#at++;
      return this.#knownKey(head - 0xa0);
    }
    const key = this.#value();
    if (typeof key !== "string") {
      throw this.#options.fault(`a map key is a ${typeof key}, not text`);
    }
    return this.#allowed(key);
  }

  #allowed(key: string): string {
    if (key === "__proto__") throw this.#options.fault("the key __proto__ is not allowed");
    return key;
  }

  #knownKey(length: number): string {
    const start = this.#at;
    const bytes = this.#bytes;
    let hash = length;
    for (let index = 0; index < length; index++) {
      hash = (Math.imul(hash, 31) + (bytes[start + index] as number)) | 0;
    }
    const slot = hash & (keySlots - 1);
    const known = knownKeys[slot];
    if (known !== undefined && isAt(known.bytes, bytes, start, length)) {
      this.#at += length;
      return known.text;
    }
    const text = this.#allowed(this.#text(length));
    if (length < keyBytesMax) {
      knownKeys[slot] = { bytes: Uint8Array.from(bytes.subarray(start, this.#at)), text };
    }
    return text;
  }

  #text(length: number): string {
    const start = this.#at;
    const end = start + length;
    this.#at = end;
    if (length >= shortTextBytes) return this.#bytes.toString("utf8", start, end);
    let text = "";
    for (let index = start; index < end; index++) {
      const unit = this.#bytes[index] as number;
      if (unit >= 0x80) return this.#bytes.toString("utf8", start, end);
      text += String.fromCharCode(unit);
    }
    return text;
  }
}

function isAt(key: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (key[index] !== bytes[start + index]) return false;
  }
  return true;
}
