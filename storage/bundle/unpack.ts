// Reads a bundle into a run directory of its own.
//
// 1. Nothing of the bundle becomes a path: the directory is its reader's, its files have our names.
// 2. Memory does not grow with what the bundle claims.
// 3. What is malformed ends the reading at its place; whether what is well-formed is also true is
//    for an audit of the directory.
import { type FileHandle, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HashName } from "../../events/index.ts";
import { checkpointKeysFile, checkpointsFile } from "../checkpoint.ts";
import { LedgerCopy } from "../ledger-copy.ts";
import { AdapterWriter } from "./adapter-files.ts";
import { type AdapterFile, BundleGrammar, type BundleItem, type BundleTotals } from "./grammar.ts";
import type { BundleManifest } from "./manifest.ts";
import { readPieces } from "./members-file.ts";
import { malformed, RecordParser } from "./records.ts";

/** The most characters of checkpoints, and the most omitted blobs, that are read. */
const checkpointsCharsMax = 256 * 1024 * 1024;
const omittedMax = 1_000_000;

/** A blob that events name and that the bundle does not hold, and why. */
export interface OmittedBlob {
  readonly name: HashName;
  readonly reason: string;
}

/** What a bundle held. */
export interface UnpackedBundle {
  readonly manifest: BundleManifest;
  readonly totals: BundleTotals;
  readonly omitted: readonly OmittedBlob[];
  /** The adapter's files; empty: it holds none. */
  readonly adapter: readonly AdapterFile[];
}

export interface UnpackOptions {
  readonly file: FileHandle;
  /** An empty folder, which becomes the run directory. */
  readonly directory: string;
  /** Another one, which takes an adapter's files. */
  readonly adapterDirectory: string;
  /** The name of the file that holds the settings in a run directory. */
  readonly settingsFile: string;
  /** Told the bytes of the file that were read. */
  readonly onRead: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Unpacks a bundle.
 * @throws {BundleError}
 */
export async function unpackBundle(options: UnpackOptions): Promise<UnpackedBundle> {
  const ledger = await LedgerCopy.open(options.directory);
  try {
    return await new Unpacker(options, ledger).run();
  } finally {
    await ledger.close();
  }
}

class Unpacker {
  readonly #options: UnpackOptions;
  readonly #ledger: LedgerCopy;
  readonly #texts = new Map<string, string>();
  readonly #omitted: OmittedBlob[] = [];
  #manifest: BundleManifest | null = null;
  #totals: BundleTotals | null = null;
  readonly #adapter: AdapterWriter;

  constructor(options: UnpackOptions, ledger: LedgerCopy) {
    this.#options = options;
    this.#ledger = ledger;
    this.#adapter = new AdapterWriter(options.adapterDirectory);
  }

  async run(): Promise<UnpackedBundle> {
    try {
      return await this.#unpack();
    } finally {
      await this.#adapter.close();
    }
  }

  async #unpack(): Promise<UnpackedBundle> {
    const { file, onRead, signal } = this.#options;
    const parser = new RecordParser();
    const grammar = new BundleGrammar();
    for await (const piece of readPieces(file, onRead)) {
      signal.throwIfAborted();
      for (const record of parser.push(piece)) {
        await this.#take(grammar.take(record), record.place);
      }
    }
    parser.end();
    const [manifest, totals] = [this.#manifest, this.#totals];
    if (manifest === null || totals === null) throw malformed(parser.place, "the end is missing");
    await this.#ledger.finish({ size: manifest.events, hash: manifest.chain });
    await this.#writeTexts();
    return { manifest, totals, omitted: this.#omitted, adapter: this.#adapter.files };
  }

  async #take(item: BundleItem, place: number): Promise<void> {
    switch (item.kind) {
      case "manifest":
        this.#manifest = item.manifest;
        return;
      case "keys":
      case "checkpoints":
      case "settings": {
        const text = (this.#texts.get(item.kind) ?? "") + item.text;
        if (text.length > checkpointsCharsMax) throw malformed(place, "too many checkpoints");
        this.#texts.set(item.kind, text);
        return;
      }
      case "event":
        return this.#ledger.addRow(item.bytes);
      case "lease":
        return this.#ledger.addLease(item.lease);
      case "blob":
        return this.#ledger.beginBlob(item.name, item.size);
      case "adapter":
        return this.#adapter.begin(item.file);
      case "piece":
        return item.of === "blob"
          ? this.#ledger.addPiece(item.bytes)
          : this.#adapter.add(item.bytes);
      case "omitted":
        if (this.#omitted.length >= omittedMax) throw malformed(place, "too many omitted blobs");
        this.#omitted.push({ name: item.name, reason: item.reason });
        return;
      case "end":
        this.#totals = item.totals;
    }
  }

  async #writeTexts(): Promise<void> {
    const { directory, settingsFile } = this.#options;
    const files = {
      keys: checkpointKeysFile,
      checkpoints: checkpointsFile,
      settings: settingsFile,
    };
    for (const [kind, file] of Object.entries(files)) {
      const text = this.#texts.get(kind);
      if (text !== undefined) await writeFile(join(directory, file), text);
    }
  }
}
