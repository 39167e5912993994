// Writes a bundle: the records of `grammar.ts`, in their order.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { HashName } from "../../events/index.ts";
import type { Lease } from "../ledger.ts";
import { adapterFilesIn, piecesOfFile } from "./adapter-files.ts";
import { BundleError } from "./errors.ts";
import { type BundleTotals, encodeTotals } from "./grammar.ts";
import { type BundleManifest, encodeManifest } from "./manifest.ts";
import { MembersWriter } from "./members-file.ts";
import { magicLineOf, type RecordKind, recordHead, recordKinds, versions } from "./records.ts";
import type { BundleSource } from "./source.ts";

/** What goes into a bundle besides the rows and the blobs. */
export interface BundleParts {
  readonly manifest: BundleManifest;
  /** `checkpoints.pub` and `checkpoints.txt` of the run directory. */
  readonly keys: string;
  readonly checkpoints: string;
  /** The configuration as the run directory keeps it; null where it keeps none. */
  readonly settings: string | null;
  /** The blobs that a row names; called with each row in turn. */
  readonly blobsOf: (row: Uint8Array) => Iterable<HashName>;
  /** Why a blob that rows name may be absent, once all rows were seen; null: it may not. */
  readonly absenceOf: (name: HashName) => string | null;
  /** The leases, once all rows were seen. */
  readonly leasesOf: () => readonly Lease[];
  /** The folder of the last policy's adapter, once all rows were seen; null: none goes along. */
  readonly adapterOf: (() => Promise<string>) | null;
}

/** How far a bundle is: in events, then in bytes of blobs. */
export interface BundleProgress {
  readonly stage: "events" | "blobs";
  readonly done: number;
  readonly total: number;
}

export interface PackOptions extends BundleParts {
  readonly source: Pick<BundleSource, "rows" | "blobSize" | "blobPieces">;
  readonly file: FileHandle;
  readonly onProgress: (progress: BundleProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes a bundle to an empty file. Equal runs give equal bytes.
 * @throws {BundleError} bundle-refused where an event or a blob is missing
 */
export async function packBundle(options: PackOptions): Promise<BundleTotals> {
  return new Packer(options).run();
}

class Packer {
  readonly #options: PackOptions;
  readonly #members: MembersWriter;
  readonly #sum = createHash("sha256");

  constructor(options: PackOptions) {
    this.#options = options;
    this.#members = new MembersWriter(options.file);
  }

  async run(): Promise<BundleTotals> {
    const { manifest, keys, checkpoints, settings, leasesOf, adapterOf } = this.#options;
    const version = adapterOf === null ? versions.plain : versions.withAdapter;
    await this.#put(Buffer.from(magicLineOf(version)));
    await this.#record("manifest", encodeManifest(manifest));
    await this.#record("keys", Buffer.from(keys));
    for (const text of cutLines(checkpoints)) await this.#record("checkpoints", text);
    if (settings !== null) await this.#record("settings", Buffer.from(settings));
    const names = await this.#events();
    for (const lease of [...leasesOf()].sort(byName)) await this.#record("lease", leaseText(lease));
    await this.#members.pack("numbers");
    const { blobs, omitted, blobBytes } = await this.#blobs([...names].sort());
    if (adapterOf !== null) await this.#adapter(await adapterOf());
    await this.#members.pack("text");
    const content: HashName = `sha256:${this.#sum.digest("hex")}`;
    const totals = { content, events: manifest.events, blobs, omitted, blobBytes };
    await this.#record("end", encodeTotals(totals), false);
    await this.#members.end();
    return totals;
  }

  /** Writes the events that the manifest counts; the names of their blobs. */
  async #events(): Promise<ReadonlySet<HashName>> {
    const { source, manifest, blobsOf, onProgress, signal } = this.#options;
    const total = manifest.events;
    const names = new Set<HashName>();
    for (let done = 0; done < total; ) {
      signal.throwIfAborted();
      const page = source.rows(done + 1).slice(0, total - done);
      if (page[0]?.global !== done + 1) throw refused(`event ${done + 1} is missing`);
      for (const { global, bytes } of page) {
        if (global !== done + 1) break;
        await this.#record("event", bytes);
        for (const name of blobsOf(bytes)) names.add(name);
        done += 1;
      }
      onProgress({ stage: "events", done, total });
    }
    return names;
  }

  async #blobs(names: readonly HashName[]) {
    const { source, onProgress, signal } = this.#options;
    const sizes = names.map((name) => [name, this.#sizeOf(name)] as const);
    const total = sizes.reduce((sum, [, size]) => sum + (size ?? 0), 0);
    let [done, omitted] = [0, 0];
    for (const [name, size] of sizes) {
      if (size === null) {
        omitted += 1;
        await this.#omit(name);
        continue;
      }
      await this.#record("blob", blobHead(name, size));
      for (const piece of source.blobPieces(name)) {
        await this.#record("piece", piece);
        done += piece.length;
      }
      signal.throwIfAborted();
      onProgress({ stage: "blobs", done, total });
    }
    return { blobs: names.length - omitted, omitted, blobBytes: total };
  }

  async #adapter(directory: string): Promise<void> {
    const { signal } = this.#options;
    for (const { file, sha256, bytes } of await adapterFilesIn(directory)) {
      await this.#record("adapter", Buffer.concat([blobHead(sha256, bytes), Buffer.from(file)]));
      for await (const piece of piecesOfFile(join(directory, file))) {
        signal.throwIfAborted();
        await this.#record("piece", piece);
      }
    }
  }

  /** Says that a blob is not here, and why. */
  async #omit(name: HashName): Promise<void> {
    const reason = this.#options.absenceOf(name) ?? "";
    const digest = Buffer.from(name.slice("sha256:".length), "hex");
    const text = Buffer.from(reason).subarray(0, recordKinds.omitted.bytesMax - digest.length);
    await this.#record("omitted", Buffer.concat([digest, text]));
  }

  /** Null where a blob may be absent, and is. */
  #sizeOf(name: HashName): number | null {
    const size = this.#options.source.blobSize(name);
    if (size !== null || this.#options.absenceOf(name) !== null) return size;
    throw refused(`the blob ${name} is not stored`);
  }

  async #record(kind: RecordKind, payload: Uint8Array, isSummed = true): Promise<void> {
    if (payload.length > recordKinds[kind].bytesMax) {
      throw refused(`${kind}: ${payload.length} bytes, ${recordKinds[kind].bytesMax} are allowed`);
    }
    await this.#put(recordHead(kind, payload.length), isSummed);
    await this.#put(payload, isSummed);
  }

  async #put(bytes: Uint8Array, isSummed = true): Promise<void> {
    if (isSummed) this.#sum.update(bytes);
    await this.#members.write(bytes);
  }
}

/** What begins a blob: its hash and its size. */
function blobHead(name: HashName, size: number): Buffer {
  const head = Buffer.alloc(recordKinds.blob.bytesMax);
  head.write(name.slice("sha256:".length), "hex");
  head.writeBigUInt64BE(BigInt(size), head.length - 8);
  return head;
}

function refused(reason: string): BundleError {
  return new BundleError("bundle-refused", `${reason}: no bundle is made; varft audit says more`);
}

function byName(a: Lease, b: Lease): number {
  return a.name < b.name ? -1 : 1;
}

function leaseText({ name, epoch, holder }: Lease): Buffer {
  return Buffer.from(`${name}\n${epoch}\n${holder}`);
}

/** A text in pieces that fit into records, each of whole lines. */
function* cutLines(text: string): Generator<Buffer> {
  const bytes = Buffer.from(text);
  const { bytesMax } = recordKinds.checkpoints;
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.subarray(from, from + bytesMax).lastIndexOf("\n") + 1;
    if (end === 0) throw refused("a line of the checkpoints has no end");
    yield bytes.subarray(from, from + end);
    from += end;
  }
}
