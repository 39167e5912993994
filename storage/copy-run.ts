// Copies a run's ledger and blobs while its process writes them.
//
// 1. The copy is a beginning of the original, to the size that it had when the copy began. Blobs
//    are there before the events that name them, as in the original.
// 2. Nobody is held up: the writer waits while its environments are opened, and never for a page.
// 3. What lies in the copy already must be the beginning of the original, and only what is missing
//    is added. The chain over everything must give the original's hash at that size.
// 4. Until a copy is whole nobody can write to it: half of an append could be there.
import { decodeEnvelope, type EventEnvelope, type HashName, hashNamesIn } from "../events/index.ts";
import { type BundleSource, openBundleSource } from "./bundle/index.ts";
import { Chain } from "./chain.ts";
import { LedgerError } from "./errors.ts";
import type { Head, Lease, StoredRow } from "./ledger.ts";
import { openStores, type Stores } from "./open.ts";
import { PartIndex } from "./part-index.ts";

/** How far a copy is. */
export interface CopyProgress {
  readonly events: number;
  /** Events of the original when the copy began. */
  readonly total: number;
}

export interface CopyOptions {
  readonly onProgress?: (progress: CopyProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a copy holds, and what of it is new. */
export interface CopyReport extends Head {
  readonly added: { readonly events: number; readonly blobs: number; readonly bytes: number };
}

/**
 * Copies ledger and blobs of the run directory `source` to the directory `target`.
 * @throws {LedgerError} ledger-missing, ledger-in-use, ledger-corrupt; ledger-other where `target`
 * holds something else than a beginning of the original
 */
export async function copyRun(
  source: string,
  target: string,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const original = await openBundleSource(source);
  try {
    const copy = await openStores(target, true);
    try {
      return await new Copying(original, copy, options).run();
    } finally {
      await copy.store.close();
      await copy.blobs.close();
      await copy.closed();
    }
  } finally {
    await original.close();
  }
}

class Copying {
  readonly #original: BundleSource;
  readonly #copy: Stores;
  readonly #options: CopyOptions;
  /** Names that need not be looked at again. */
  readonly #seen = new Set<HashName>();
  readonly #added = { events: 0, blobs: 0, bytes: 0 };
  #size: number;

  constructor(original: BundleSource, copy: Stores, options: CopyOptions) {
    this.#original = original;
    this.#copy = copy;
    this.#options = options;
    this.#size = copy.store.head().size;
  }

  async run(): Promise<CopyReport> {
    const { head, leases } = this.#original;
    const { store } = this.#copy;
    const index = new PartIndex(this.#checkBeginning());
    const chain = new Chain(store.head().hash);
    await store.setCopying(true);
    while (this.#size < head.size) {
      this.#options.signal?.throwIfAborted();
      await this.#copyPage(chain, index);
      this.#options.onProgress?.({ events: this.#size, total: head.size });
    }
    await this.#commit([], chain, index, leases);
    if (hexOf(chain.hash) !== head.hash) throw this.#isOther();
    await store.setCopying(false);
    return { ...head, added: this.#added };
  }

  /**
   * The copy's last event must stand in the original at its place: no id is given twice. Answers
   * the part that it belongs to, which the next event may go on with.
   */
  #checkBeginning() {
    const { store } = this.#copy;
    const [last] = this.#size === 0 ? [] : store.rows(this.#size, 1);
    if (last === undefined) return null;
    const [wanted] = this.#size > this.#original.head.size ? [] : this.#original.rows(this.#size);
    if (wanted === undefined || Buffer.compare(last.bytes, wanted.bytes) !== 0) {
      throw this.#isOther();
    }
    const { stream, command } = decodeEnvelope(last.bytes);
    const part = store.recorded(stream, command);
    return part && { stream, command, ...part, global: this.#size - part.count + 1 };
  }

  async #copyPage(chain: Chain, index: PartIndex): Promise<void> {
    const { head } = this.#original;
    const next = this.#size + 1;
    const rows = this.#original.rows(next).filter(({ global }) => global <= head.size);
    if (rows[0]?.global !== next) throw missing(next);
    for (const { global, bytes } of rows) {
      const event = decodeEnvelope(bytes);
      await this.#copyBlobs(event);
      index.add(event, global);
    }
    await this.#commit(rows, chain, index, []);
  }

  async #commit(
    rows: readonly StoredRow[],
    chain: Chain,
    index: PartIndex,
    leases: readonly Lease[],
  ): Promise<void> {
    for (const { bytes } of rows) {
      chain.add(bytes);
      this.#added.bytes += bytes.length;
    }
    this.#added.events += rows.length;
    const firstGlobal = this.#size + 1;
    this.#size += rows.length;
    const isWritten = await this.#copy.store.commit({
      number: 0,
      firstGlobal,
      events: rows.map(({ bytes }) => bytes),
      parts: index.take(),
      leases,
      head: { size: this.#size, hash: chain.hash },
    });
    if (!isWritten) throw new LedgerError("ledger-failed", "another process writes this copy");
  }

  /** What is named and not there was never stored, or was pruned: an audit tells which. */
  async #copyBlobs({ data }: EventEnvelope): Promise<void> {
    for (const name of hashNamesIn(data)) {
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      const size = this.#original.blobSize(name);
      if (size === null || this.#copy.blobs.hasNow(name)) continue;
      const bytes = Buffer.concat([...this.#original.blobPieces(name)], size);
      if ((await this.#copy.blobs.put(bytes)) !== name) throw damaged(name);
      this.#added.blobs += 1;
      this.#added.bytes += size;
    }
  }

  #isOther(): LedgerError {
    return new LedgerError(
      "ledger-other",
      `the ${this.#size} events that lie there are no beginning of the run: they are of another ` +
        "one, or went on by themselves; name another folder",
    );
  }
}

const hexOf = (hash: Uint8Array): string => Buffer.from(hash).toString("hex");

function missing(global: number): LedgerError {
  const message = `event ${global} of the run is missing: varft audit says more`;
  return new LedgerError("ledger-corrupt", message);
}

function damaged(name: HashName): LedgerError {
  const message = `blob ${name} of the run is damaged: varft audit says more`;
  return new LedgerError("ledger-corrupt", message);
}
