// An index that is open: its tables in memory, its lists read as they are wanted.
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { IndexError } from "../../errors.ts";
import { type IndexMeta, indexFiles, indexMeta } from "./layout.ts";
import type { PostingList } from "./postings.ts";

/** Bytes of lists that stay in memory; the least recently used go first. */
export const listBytesMax = 64 * 2 ** 20;

/** A term as the tables know it. */
export interface IndexedTerm {
  readonly number: number;
  /** Documents that have it. */
  readonly count: number;
  /** The most that it gives any document. */
  readonly gainMax: number;
}

/** What is known of each document, by its number. */
export interface DocumentTable {
  /** Where its line begins in the corpus, and how many bytes it has. */
  readonly offsets: Float64Array;
  readonly bytes: Uint32Array;
  /** Tokens. */
  readonly lengths: Uint32Array;
  /** Its place among all ids. */
  readonly ranks: Uint32Array;
}

/** What an index was made of; null where there is none, or one of another version. */
export async function readMeta(folder: string): Promise<IndexMeta | null> {
  try {
    const text = await readFile(join(folder, indexFiles.meta), "utf8");
    const meta = indexMeta.parse(JSON.parse(text));
    for (const [name, bytes] of Object.entries(meta.bytes)) {
      if ((await stat(join(folder, name))).size !== bytes) return null;
    }
    return meta;
  } catch {
    // Not there, torn, of another version: all the same, it is made anew.
    return null;
  }
}

interface Tables {
  readonly text: Buffer;
  readonly terms: Buffer;
  readonly documents: Buffer;
  readonly postings: FileHandle;
}

export class IndexFiles {
  readonly meta: IndexMeta;
  readonly documents: DocumentTable;
  readonly #folder: string;
  readonly #postings: FileHandle;
  readonly #text: Buffer;
  readonly #textStarts: Float64Array;
  readonly #listStarts: Float64Array;
  readonly #gains: Float64Array;
  readonly #counts: Uint32Array;
  readonly #lists = new Map<number, PostingList>();
  #listBytes = 0;

  private constructor(folder: string, meta: IndexMeta, tables: Tables) {
    this.#folder = folder;
    this.meta = meta;
    this.#postings = tables.postings;
    this.#text = tables.text;
    const { terms, documents } = meta;
    const ofTerms = columns(tables.terms);
    this.#textStarts = ofTerms.floats(terms + 1);
    this.#listStarts = ofTerms.floats(terms + 1);
    this.#gains = ofTerms.floats(terms);
    this.#counts = ofTerms.words(terms);
    const ofDocuments = columns(tables.documents);
    this.documents = {
      offsets: ofDocuments.floats(documents),
      bytes: ofDocuments.words(documents),
      lengths: ofDocuments.words(documents),
      ranks: ofDocuments.words(documents),
    };
  }

  /** Opens the index in `folder`, whose meta file says `meta`. */
  static async open(folder: string, meta: IndexMeta): Promise<IndexFiles> {
    const read = (name: string) => readFile(join(folder, name));
    try {
      const text = await read(indexFiles.termText);
      const terms = await read(indexFiles.terms);
      const documents = await read(indexFiles.documents);
      const postings = await open(join(folder, indexFiles.postings));
      return new IndexFiles(folder, meta, { text, terms, documents, postings });
    } catch (thrown) {
      throw new IndexError("cannot be read", { folder, cause: thrown });
    }
  }

  /** Finds a term. */
  find(term: string): IndexedTerm | null {
    let [low, high] = [0, this.meta.terms];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#term(middle) < term) low = middle + 1;
      else high = middle;
    }
    if (low === this.meta.terms || this.#term(low) !== term) return null;
    const count = this.#counts[low] as number;
    return { number: low, count, gainMax: this.#gains[low] as number };
  }

  /** Reads the list of a term. */
  async list({ number, count }: IndexedTerm): Promise<PostingList> {
    const kept = this.#lists.get(number);
    if (kept !== undefined) {
      // The map's order is the order of use.
      this.#lists.delete(number);
      this.#lists.set(number, kept);
      return kept;
    }
    const start = this.#listStarts[number] as number;
    const length = (this.#listStarts[number + 1] as number) - start;
    const bytes = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await this.#postings.read(bytes, 0, length, start);
    if (bytesRead !== length) {
      throw new IndexError("was cut while it was in use", { folder: this.#folder });
    }
    const list = { bytes, count };
    this.#keep(number, list);
    return list;
  }

  async close(): Promise<void> {
    await this.#postings.close();
  }

  #keep(number: number, list: PostingList): void {
    if (list.bytes.length > listBytesMax || this.#lists.has(number)) return;
    this.#lists.set(number, list);
    this.#listBytes += list.bytes.length;
    for (const [oldest, { bytes }] of this.#lists) {
      if (this.#listBytes <= listBytesMax) break;
      this.#lists.delete(oldest);
      this.#listBytes -= bytes.length;
    }
  }

  #term(number: number): string {
    const { [number]: start = 0, [number + 1]: end = 0 } = this.#textStarts;
    return this.#text.toString("utf8", start, end);
  }
}

/** Reads the columns of a table, one after the other. */
function columns(table: Buffer) {
  // The view needs a place that is a multiple of eight; a buffer of its own begins at one.
  const own = new Uint8Array(table).buffer;
  let place = 0;
  return {
    floats(length: number): Float64Array {
      const column = new Float64Array(own, place, length);
      place += column.byteLength;
      return column;
    },
    words(length: number): Uint32Array {
      const column = new Uint32Array(own, place, length);
      place += column.byteLength;
      return column;
    },
  };
}
