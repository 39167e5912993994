// The frame of a stored event: everything but its data, read straight from the bytes. Its keys and
// their order are fixed, so no general decoder is needed, and who asks only where an event belongs
// pays for no data. Read is what `encodeEnvelope` writes, and nothing else: null is the answer to
// all other bytes.

/** Everything of an event but its data. The keys stand in this order in the stored msgpack map. */
export interface EnvelopeFrame {
  /** `eventId(stream, command, index)`: 64 hexadecimal digits. */
  readonly id: string;
  readonly stream: string;
  /** Place in the stream, from 1. */
  readonly seq: number;
  /** Dotted, past tense: `turn.sampled`. */
  readonly type: string;
  /** Schema version of `data`, from 1. */
  readonly v: number;
  /** When the ledger stored it, in milliseconds since 1970. Informational. */
  readonly time: number;
  /** The event that led to this one. */
  readonly cause: string | null;
  /** The command that made it. */
  readonly command: string;
  /** W3C traceparent. */
  readonly trace: string | null;
  /** The writer's lease epoch; 0 where no lease was asked for. */
  readonly epoch: number;
  /** Who wrote it: an actor's or a command's name. */
  readonly by: string;
}

/** A frame, and the offset in its bytes at which the data begin. */
export interface FrameRead {
  readonly frame: EnvelopeFrame;
  readonly dataOffset: number;
}

/** A map of the frame's eleven keys and `data`. */
const mapHead = 0x8c;
const nil = 0xc0;
const [unsigned8, unsigned16, unsigned32, unsigned64] = [0xcc, 0xcd, 0xce, 0xcf];
const [shortText, text8, text16] = [0xa0, 0xd9, 0xda];
const shortTextMask = 0xe0;
const shortTextBytes = 0x1f;

const keyBytes = (key: string): Uint8Array =>
  Uint8Array.of(shortText + key.length, ...Buffer.from(key, "latin1"));
const keys = {
  id: keyBytes("id"),
  stream: keyBytes("stream"),
  seq: keyBytes("seq"),
  type: keyBytes("type"),
  v: keyBytes("v"),
  time: keyBytes("time"),
  cause: keyBytes("cause"),
  command: keyBytes("command"),
  trace: keyBytes("trace"),
  epoch: keyBytes("epoch"),
  by: keyBytes("by"),
  data: keyBytes("data"),
} as const;

/** The frame of an event, or null where these are not the bytes of one. */
export function readFrame(bytes: Uint8Array): FrameRead | null {
  const reader = new FrameReader(bytes);
  reader.expect(mapHead);
  // Evaluated in the order in which they are stored.
  const frame = {
    id: reader.text(keys.id),
    stream: reader.text(keys.stream),
    seq: reader.whole(keys.seq),
    type: reader.text(keys.type),
    v: reader.whole(keys.v),
    time: reader.whole(keys.time),
    cause: reader.textOrNull(keys.cause),
    command: reader.text(keys.command),
    trace: reader.textOrNull(keys.trace),
    epoch: reader.whole(keys.epoch),
    by: reader.text(keys.by),
  };
  reader.key(keys.data);
  return reader.isWhole ? { frame, dataOffset: reader.position } : null;
}

/** Reads values one after the other; once one of them is wrong, the whole is. */
class FrameReader {
  /**
   * A `Buffer`: for the lengths of ids its decoder of text is much faster than one in JavaScript.
   */
  readonly #bytes: Buffer;
  #position = 0;
  #isWrong = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  /** Whether everything was right, and within the bytes. */
  get isWhole(): boolean {
    return !this.#isWrong && this.#position <= this.#bytes.length;
  }

  expect(byte: number): void {
    if (this.#bytes[this.#position++] !== byte) this.#isWrong = true;
  }

  key(encoded: Uint8Array): void {
    for (let index = 0; index < encoded.length; index++) this.expect(encoded[index] as number);
  }

  text(key: Uint8Array): string {
    this.key(key);
    return this.#textOf(this.#byte());
  }

  textOrNull(key: Uint8Array): string | null {
    this.key(key);
    const head = this.#byte();
    return head === nil ? null : this.#textOf(head);
  }

  /** A whole number from 0 on that JavaScript holds exactly. */
  whole(key: Uint8Array): number {
    this.key(key);
    const head = this.#byte();
    if (head < 0x80) return head;
    if (head === unsigned8) return this.#unsigned(1);
    if (head === unsigned16) return this.#unsigned(2);
    if (head === unsigned32) return this.#unsigned(4);
    const value = head === unsigned64 ? this.#unsigned(8) : Number.NaN;
    if (!Number.isSafeInteger(value)) this.#isWrong = true;
    return value;
  }

  #textOf(head: number): string {
    let length = 0;
    if ((head & shortTextMask) === shortText) length = head & shortTextBytes;
    else if (head === text8) length = this.#unsigned(1);
    else if (head === text16) length = this.#unsigned(2);
    else this.#isWrong = true;
    const start = this.#position;
    this.#position += length;
    if (!this.isWhole) return "";
    return this.#bytes.toString("utf8", start, this.#position);
  }

  #unsigned(width: number): number {
    let value = 0;
    for (let index = 0; index < width; index++) value = value * 256 + this.#byte();
    return value;
  }

  /** The next byte; beyond the end they count as 0, and the whole is wrong. */
  #byte(): number {
    return this.#bytes[this.#position++] ?? 0;
  }
}
