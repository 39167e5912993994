// The ledger of a run, by stream: one pass over all events notes where each of them stands, and
// streams are then read in the order of the plan.
import {
  decodeEnvelope,
  decodeFrame,
  type EventEnvelope,
  type HashName,
} from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { PrunedBlobs } from "../retention/index.ts";

/** What a replay reads of a ledger. */
export type ReplayReader = Pick<LedgerReader, "head" | "readRows" | "readStream" | "blobs">;

export class Book {
  readonly #reader: ReplayReader;
  readonly #globals = new Map<string, number[]>();
  readonly #pruned = new PrunedBlobs();
  /** Events in all. */
  readonly events: number;
  /** The chain's hash at their end, hexadecimal. */
  readonly hash: string;

  private constructor(reader: ReplayReader, events: number, hash: string) {
    this.#reader = reader;
    this.events = events;
    this.hash = hash;
  }

  /** Reads through the ledger as it is now; what is appended meanwhile is not looked at. */
  static async open(reader: ReplayReader): Promise<Book> {
    const { size, hash } = await reader.head();
    const book = new Book(reader, size, hash);
    for (let next = 1; next <= size; ) {
      const page = await reader.readRows(next);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const { global, bytes } of page) if (global <= size) book.#note(bytes, global);
      next = last.global + 1;
    }
    return book;
  }

  /** The events of a stream, in order. */
  async read(stream: string): Promise<readonly EventEnvelope[]> {
    const known = this.#globals.get(stream)?.length ?? 0;
    return known === 0 ? [] : this.#reader.readStream(stream, 1, known);
  }

  /** The global sequence number of a stream's event; 0 where there is none. */
  globalOf(stream: string, seq: number): number {
    return this.#globals.get(stream)?.[seq - 1] ?? 0;
  }

  /** The streams, by their first event. */
  get streams(): readonly string[] {
    return [...this.#globals.keys()];
  }

  /** How many events a stream has. */
  lengthOf(stream: string): number {
    return this.#globals.get(stream)?.length ?? 0;
  }

  /** Whether a blob is not there any more, and the run says so. */
  async isPruned(name: HashName): Promise<boolean> {
    return this.#pruned.of(name) !== null && !(await this.#reader.blobs.has(name));
  }

  #note(bytes: Uint8Array, global: number): void {
    const { stream, type } = decodeFrame(bytes);
    // Of all others their place is enough here.
    if (type === "blobs.pruned") this.#pruned.note(decodeEnvelope(bytes));
    const known = this.#globals.get(stream);
    if (known === undefined) this.#globals.set(stream, [global]);
    else known.push(global);
  }
}
