// Which records may follow which, and what is in them. Pure: a record comes in, what it says goes
// out.
//
//   manifest  keys  checkpoints*  settings?  event*  lease*  (blob piece* | omitted)*
//   (adapter piece*)*  end
//
// 1. Leases and files of the adapter stand in the order of their names, blobs in that of their
//    hashes: none comes twice.
// 2. A blob is cut into pieces of 1 MiB, the last one shorter: there is one way to write it. So is
//    a file of the adapter, whose bytes have the hash that it says.
// 3. The end has the hash of everything before it, and how much there was.
// 4. Version 2 has an adapter, version 1 has none.
// What the events say, and whether a blob's bytes are those of its name, is for an audit.
import { createHash, type Hash } from "node:crypto";
import { type HashName, isName } from "../../events/index.ts";
import { blobBytesMax, type Lease } from "../ledger.ts";
import { type BundleManifest, decodeManifest } from "./manifest.ts";
import {
  type BundleRecord,
  type BundleVersion,
  magicLineOf,
  malformed,
  type RecordKind,
  recordKinds,
  versions,
} from "./records.ts";

const hashBytes = 32;
/** The bytes of a blob's piece, but for the last one. */
export const blobPieceBytes = recordKinds.piece.bytesMax;

/** The files of an adapter: those of PEFT, and where it comes from. */
export const adapterFileNames = [
  "adapter_config.json",
  "adapter_model.safetensors",
  "varft-policy.json",
] as const;
export type AdapterFileName = (typeof adapterFileNames)[number];

/** A file of the adapter, as the bundle names it. */
export interface AdapterFile {
  readonly file: AdapterFileName;
  readonly sha256: HashName;
  readonly bytes: number;
}

/** How much a bundle holds. */
export interface BundleTotals {
  /** SHA-256 of its content up to its end: the name of what it holds. */
  readonly content: HashName;
  readonly events: number;
  readonly blobs: number;
  readonly omitted: number;
  readonly blobBytes: number;
}

/** What a record says. */
export type BundleItem =
  | { readonly kind: "manifest"; readonly manifest: BundleManifest }
  | { readonly kind: "keys" | "checkpoints" | "settings"; readonly text: string }
  | { readonly kind: "event"; readonly bytes: Buffer }
  | { readonly kind: "lease"; readonly lease: Lease }
  | { readonly kind: "blob"; readonly name: HashName; readonly size: number }
  | { readonly kind: "adapter"; readonly file: AdapterFile }
  | { readonly kind: "piece"; readonly of: "blob" | "adapter"; readonly bytes: Buffer }
  | { readonly kind: "omitted"; readonly name: HashName; readonly reason: string }
  | { readonly kind: "end"; readonly totals: BundleTotals };

/** A piece is of the part of what it is a piece of. */
type PlacedKind = Exclude<RecordKind, "piece">;

/** The parts of a bundle in their order, and whether more than one record may be of a kind. */
const parts: Readonly<Record<PlacedKind, { readonly part: number; readonly isOne: boolean }>> = {
  manifest: { part: 0, isOne: true },
  keys: { part: 1, isOne: true },
  checkpoints: { part: 2, isOne: false },
  settings: { part: 3, isOne: true },
  event: { part: 4, isOne: false },
  lease: { part: 5, isOne: false },
  blob: { part: 6, isOne: false },
  omitted: { part: 6, isOne: false },
  adapter: { part: 7, isOne: false },
  end: { part: 8, isOne: true },
};

export class BundleGrammar {
  readonly #sum = createHash("sha256");
  #version: BundleVersion | null = null;
  /** The last record that is no piece. */
  #last: PlacedKind | null = null;
  #lastName = "";
  /** Bytes of the current blob or file that are still to come. */
  #missing = 0;
  /** The file of the adapter that is being read, and the hash of what came of it. */
  #file: { readonly sha256: HashName; readonly sum: Hash } | null = null;
  #files = 0;
  #events = 0;
  #blobs = 0;
  #omitted = 0;
  #blobBytes = 0;

  /**
   * What the next record says.
   * @throws {BundleError}
   */
  take(record: BundleRecord): BundleItem {
    const { kind, version } = record;
    if (this.#version === null) this.#sum.update(magicLineOf(version));
    this.#version = version;
    this.#checkOrder(record);
    if (kind !== "end") this.#sum.update(record.bytes);
    const item = this.#read(record);
    if (kind !== "piece") this.#last = kind;
    return item;
  }

  #checkOrder({ kind, place }: BundleRecord): void {
    const last = this.#last;
    // Where it may stand, the bytes that are missing say.
    if (kind === "piece") return;
    const { part, isOne } = parts[kind];
    const lastPart = last === null ? -1 : parts[last].part;
    // Nobody may leave out the first two; what comes after them may be empty.
    const isDue = part <= 1 ? part === lastPart + 1 : lastPart >= 1 && part >= lastPart;
    if (!isDue || (isOne && part === lastPart)) {
      throw malformed(place, `a record ${kind} after ${last ?? "the magic line"}`);
    }
    if (this.#missing > 0) {
      throw malformed(place, `${this.#missing} bytes of the ${last} before it are missing`);
    }
  }

  #read(record: BundleRecord): BundleItem {
    const { kind, place, payload } = record;
    switch (kind) {
      case "manifest":
        return { kind, manifest: decodeManifest(payload, place) };
      case "keys":
      case "checkpoints":
      case "settings":
        return { kind, text: textOf(payload, place) };
      case "event":
        this.#events += 1;
        return { kind, bytes: payload };
      case "lease":
        return { kind, lease: this.#lease(payload, place) };
      case "blob":
        return this.#blob(payload, place);
      case "adapter":
        return { kind, file: this.#adapter(record) };
      case "piece":
        this.#piece(payload, place);
        return { kind, of: this.#last === "adapter" ? "adapter" : "blob", bytes: payload };
      case "omitted":
        this.#omitted += 1;
        return {
          kind,
          name: this.#name(payload, place),
          reason: textOf(payload.subarray(hashBytes), place),
        };
      case "end":
        return { kind, totals: this.#end(payload, place) };
    }
  }

  #lease(payload: Buffer, place: number): Lease {
    const [name = "", epoch = "", holder = "", ...rest] = textOf(payload, place).split("\n");
    const isWhole = isName(name) && isName(holder) && /^[1-9]\d{0,14}$/.test(epoch);
    if (!isWhole || rest.length > 0) throw malformed(place, "a lease is not readable");
    if (this.#last === "lease" && name <= this.#lastName) {
      throw malformed(place, `the lease ${name} after ${this.#lastName}`);
    }
    this.#lastName = name;
    return { name, epoch: Number(epoch), holder };
  }

  #blob(payload: Buffer, place: number): BundleItem {
    if (payload.length !== hashBytes + 8) throw malformed(place, "a blob is not readable");
    const name = this.#name(payload, place);
    const size = this.#begin(payload, place);
    this.#blobs += 1;
    this.#blobBytes += size;
    return { kind: "blob", name, size };
  }

  /** The hash that a record begins with, which is above the one before it. */
  #name(payload: Buffer, place: number): HashName {
    const digits = payload.subarray(0, hashBytes).toString("hex");
    if (digits.length !== 2 * hashBytes) throw malformed(place, "a blob has no name");
    const isFirst = this.#last === null || parts[this.#last].part < parts.blob.part;
    if (!isFirst && digits <= this.#lastName) {
      throw malformed(place, `the blob ${digits} after ${this.#lastName}`);
    }
    this.#lastName = digits;
    return `sha256:${digits}`;
  }

  #adapter({ version, payload, place }: BundleRecord): AdapterFile {
    if (version !== versions.withAdapter) {
      throw malformed(place, `a bundle of version ${version} holds no adapter`);
    }
    if (payload.length <= hashBytes + 8) throw malformed(place, "a file is not readable");
    const text = textOf(payload.subarray(hashBytes + 8), place);
    const file = adapterFileNames.find((name) => name === text);
    if (file === undefined) throw malformed(place, "a file that is none of an adapter's");
    if (this.#last === "adapter" && file <= this.#lastName) {
      throw malformed(place, `the file ${file} after ${this.#lastName}`);
    }
    this.#lastName = file;
    const sha256: HashName = `sha256:${payload.subarray(0, hashBytes).toString("hex")}`;
    const bytes = this.#begin(payload, place);
    this.#file = { sha256, sum: createHash("sha256") };
    this.#files += 1;
    if (bytes === 0) throw malformed(place, `the file ${file} is empty`);
    return { file, sha256, bytes };
  }

  /** The size of what begins, which stands behind its hash. */
  #begin(payload: Buffer, place: number): number {
    const size = Number(payload.readBigUInt64BE(hashBytes));
    if (size > blobBytesMax) {
      throw malformed(place, `a blob of ${size} bytes, at most ${blobBytesMax} are allowed`);
    }
    this.#missing = size;
    return size;
  }

  #piece(bytes: Buffer, place: number): void {
    const { length } = bytes;
    if (length !== Math.min(blobPieceBytes, this.#missing) || length === 0) {
      throw malformed(place, `a piece of ${length} bytes, ${this.#missing} are missing`);
    }
    this.#missing -= length;
    if (this.#file === null) return;
    this.#file.sum.update(bytes);
    if (this.#missing > 0) return;
    const found = `sha256:${this.#file.sum.digest("hex")}`;
    if (found === this.#file.sha256) return;
    throw malformed(place, `${this.#lastName} has the hash ${found}, it says ${this.#file.sha256}`);
  }

  #end(payload: Buffer, place: number): BundleTotals {
    const totals = {
      content: `sha256:${this.#sum.digest("hex")}` as const,
      events: this.#events,
      blobs: this.#blobs,
      omitted: this.#omitted,
      blobBytes: this.#blobBytes,
    };
    if ((this.#version === versions.withAdapter) !== this.#files > 0) {
      throw malformed(place, `a bundle of version ${this.#version} without an adapter`);
    }
    if (payload.equals(encodeTotals(totals))) return totals;
    throw malformed(place, "the end does not agree with what came before it");
  }
}

/** The payload of the end. */
export function encodeTotals(totals: BundleTotals): Buffer {
  const { content, events, blobs, omitted, blobBytes } = totals;
  const payload = Buffer.alloc(hashBytes + 4 * 8);
  payload.write(content.slice("sha256:".length), "hex");
  for (const [index, count] of [events, blobs, omitted, blobBytes].entries()) {
    payload.writeBigUInt64BE(BigInt(count), hashBytes + 8 * index);
  }
  return payload;
}

function textOf(payload: Buffer, place: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  } catch (cause) {
    throw malformed(place, "a text is no UTF-8", cause);
  }
}
