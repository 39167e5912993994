// The content of a bundle: a magic line, and then records.
//
//   "varft bundle 1\n", or "varft bundle 2\n" of one that holds an adapter
//   kind (one letter)  length (u32, big-endian)  payload
//
// Pure, and bounded: no length is believed beyond what its kind allows, and nothing is kept but the
// start of a record that the next piece goes on with.
import { eventBytesMax } from "../../events/index.ts";
import { BundleError } from "./errors.ts";

/**
 * Of the format. Version 2 is version 1 and an adapter behind the blobs: a bundle without one is
 * what it always was, so that whoever reads version 1 reads it. A reader refuses every other one.
 */
export const versions = { plain: 1, withAdapter: 2 } as const;
export type BundleVersion = (typeof versions)[keyof typeof versions];

const magicStart = "varft bundle ";
export const magicLineOf = (version: BundleVersion): string => `${magicStart}${version}\n`;
const magicBytesMax = 32;

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** The kinds of records by their letter, in their order, and the largest payload in bytes. */
export const recordKinds = {
  manifest: { letter: "m", bytesMax: mebibyte },
  keys: { letter: "k", bytesMax: mebibyte },
  checkpoints: { letter: "c", bytesMax: mebibyte },
  settings: { letter: "s", bytesMax: mebibyte },
  event: { letter: "e", bytesMax: eventBytesMax },
  lease: { letter: "l", bytesMax: 4 * kibibyte },
  blob: { letter: "b", bytesMax: 40 },
  piece: { letter: "p", bytesMax: mebibyte },
  omitted: { letter: "o", bytesMax: 4 * kibibyte },
  adapter: { letter: "a", bytesMax: 104 },
  end: { letter: "z", bytesMax: 64 },
} as const;

export type RecordKind = keyof typeof recordKinds;

const headBytes = 5;
const kindsByLetter = new Map(
  Object.entries(recordKinds).map(([kind, { letter }]) => [
    letter.charCodeAt(0),
    kind as RecordKind,
  ]),
);

/** A record of a bundle. */
export interface BundleRecord {
  readonly kind: RecordKind;
  /** Of the bundle. */
  readonly version: BundleVersion;
  /** Where it begins, in the content. */
  readonly place: number;
  /** The whole record, and in it the payload. */
  readonly bytes: Buffer;
  readonly payload: Buffer;
}

/** The head of a record: what comes before its payload. */
export function recordHead(kind: RecordKind, payloadBytes: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.write(recordKinds[kind].letter, "latin1");
  head.writeUInt32BE(payloadBytes, 1);
  return head;
}

/** Cuts content into records, as its pieces come. */
export class RecordParser {
  /** Where the next record begins, in the content. */
  place = 0;
  #rest: Buffer = Buffer.alloc(0);
  #version: BundleVersion | null = null;

  /**
   * The records that end in `piece`.
   * @throws {BundleError}
   */
  *push(piece: Buffer): Generator<BundleRecord> {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    if (this.#version === null) bytes = this.#open(bytes);
    const version = this.#version;
    for (let at = 0; ; ) {
      const size = version === null ? null : this.#sizeAt(bytes, at);
      if (version === null || size === null || at + size > bytes.length) {
        this.#rest = bytes.subarray(at);
        return;
      }
      const whole = bytes.subarray(at, at + size);
      const place = this.place;
      this.place += size;
      at += size;
      const kind = kindOf(whole, place);
      yield { kind, version, place, bytes: whole, payload: whole.subarray(headBytes) };
    }
  }

  /** @throws {BundleError} where the content ends within a record */
  end(): void {
    if (this.#version !== null && this.#rest.length === 0) return;
    throw malformed(this.place, "the content ends within a record");
  }

  #open(bytes: Buffer): Buffer {
    const end = bytes.indexOf("\n");
    if (end < 0 && bytes.length <= magicBytesMax) return bytes;
    const line = bytes.subarray(0, end + 1).toString("latin1");
    const version = Object.values(versions).find((one) => line === magicLineOf(one));
    if (version !== undefined) {
      this.#version = version;
      this.place = end + 1;
      return bytes.subarray(end + 1);
    }
    const [, other] = new RegExp(`^${magicStart}(\\d{1,9})\n$`).exec(line) ?? [];
    if (other === undefined) throw malformed(0, "it is no bundle of varft");
    const known = Object.values(versions).join(" and ");
    throw new BundleError(
      "bundle-version",
      `a bundle of version ${other}, this build reads ${known}: use the build that made it`,
    );
  }

  /** The size of the record that begins at `at`, in bytes; null where its head is not whole yet. */
  #sizeAt(bytes: Buffer, at: number): number | null {
    if (at + headBytes > bytes.length) return null;
    const place = this.place;
    const kind = kindOf(bytes.subarray(at, at + 1), place);
    const size = bytes.readUInt32BE(at + 1);
    const { bytesMax } = recordKinds[kind];
    if (size <= bytesMax) return headBytes + size;
    throw malformed(place, `a record ${kind} of ${size} bytes, at most ${bytesMax} are allowed`);
  }
}

function kindOf(bytes: Buffer, place: number): RecordKind {
  const kind = kindsByLetter.get(bytes[0] ?? 0);
  if (kind !== undefined) return kind;
  throw malformed(place, `there are no records 0x${(bytes[0] ?? 0).toString(16)}`);
}

/** The content has not the form of a bundle. @param place the byte of the content */
export function malformed(place: number, reason: string, cause?: unknown): BundleError {
  return new BundleError("bundle-malformed", `byte ${place} of the content: ${reason}`, { cause });
}
