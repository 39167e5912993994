// Answers that outlive a run: a store of queries with what was found for them, one JSON line each.
// It can be carried elsewhere, and a run that is replayed from it asks nobody.
//
//   {"format": "varft-search", "version": 1, "backEnd", "hits"}      the first line
//   {"query", "hits": [{"id", "text", "score"}], "backEnd", "time", "hash"}
//
// `hash` is the SHA-256 of the line's JSON without it, so that a changed line is seen. Lines stand
// for themselves: several runs may record into one store, and the first answer to a query is the
// answer. A last line without its line feed was
// never given out, and does not count.
import { type FileHandle, open } from "node:fs/promises";
import { z } from "zod";
import { ensureError, sha256Hex } from "../../events/index.ts";
import { SearchMissError, SearchStoreError } from "./errors.ts";
import { eachLine, type LinePlace } from "./lines.ts";
import { normalizeQuery } from "./tokens.ts";
import type { Search, SearchAnswer, SearchHit } from "./types.ts";

const format = "varft-search";
const version = 1;

const hit = z.strictObject({ id: z.string(), text: z.string(), score: z.number().nullable() });

const header = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  backEnd: z.string(),
  hits: z.int().positive(),
});

const entry = z.strictObject({
  query: z.string(),
  hits: z.array(hit),
  backEnd: z.string(),
  time: z.int(),
  hash: z.string(),
});

export interface StoreOptions {
  readonly path: string;
  /** What answers, with all that its answers depend on: a store is of one back end. */
  readonly backEnd: string;
  /** Hits that are asked for at most. */
  readonly hits: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

interface Place {
  readonly offset: number;
  readonly bytes: number;
}

export class SearchStore {
  readonly #options: StoreOptions;
  readonly #file: FileHandle;
  readonly #places = new Map<string, Place>();
  /** Where the next line begins. */
  #end: LinePlace = { number: 1, offset: 0 };
  #appended: Promise<unknown> = Promise.resolve();

  private constructor(options: StoreOptions, file: FileHandle) {
    this.#options = options;
    this.#file = file;
  }

  /**
   * Opens a store.
   *
   * @param write true: it is made where there is none, and can be added to
   * @throws SearchStoreError
   */
  static async open(options: StoreOptions, write: boolean): Promise<SearchStore> {
    const { path, backEnd, hits } = options;
    let file: FileHandle | null = null;
    try {
      file = await open(path, write ? "a+" : "r");
      const store = new SearchStore(options, file);
      const first = `${JSON.stringify({ format, version, backEnd, hits })}\n`;
      if (write && (await file.stat()).size === 0) await file.appendFile(first);
      await store.#readOn();
      if (store.#end.number === 1) throw new SearchStoreError(path, { reason: noStore });
      // What a process that died was writing is no line, and must not become the start of one.
      if (write) await file.truncate(store.#end.offset);
      return store;
    } catch (thrown) {
      await file?.close();
      throw typed(path, "cannot be opened", thrown);
    }
  }

  /** Queries that are answered. */
  get size(): number {
    return this.#places.size;
  }

  /** The hits for a query in its normal form; null where there is no answer. */
  async find(query: string): Promise<readonly SearchHit[] | null> {
    const place = this.#places.get(query);
    if (place === undefined) return null;
    const bytes = Buffer.allocUnsafe(place.bytes);
    await this.#file.read(bytes, 0, place.bytes, place.offset);
    return readEntry(this.#options.path, "what it held", bytes.toString()).hits;
  }

  /** Adds an answer; it counts once this resolves. */
  async add(query: string, hits: readonly SearchHit[]): Promise<void> {
    const { path, backEnd, clock } = this.#options;
    const plain = hits.map(({ id, text, score }) => ({ id, text, score }));
    const body = { query, hits: plain, backEnd, time: clock() };
    const line = `${JSON.stringify({ ...body, hash: hashOf(body) })}\n`;
    const written = this.#appended.then(async () => {
      await this.#file.appendFile(line);
      await this.#file.datasync();
      // Ours, and what other runs have added meanwhile.
      await this.#readOn();
    });
    this.#appended = written.catch(() => {});
    await written.catch((thrown: unknown) => {
      throw typed(path, "cannot be written", thrown);
    });
  }

  async close(): Promise<void> {
    await this.#appended;
    await this.#file.close();
  }

  async #readOn(): Promise<void> {
    const { path } = this.#options;
    const take = (bytes: Buffer, { number, offset }: LinePlace, isEnded: boolean): void => {
      if (!isEnded) return;
      const text = bytes.toString();
      if (number === 1) checkHeader(text, this.#options);
      else {
        const { query } = readEntry(path, `line ${number}`, text);
        const isFirst = !this.#places.has(query);
        if (isFirst) this.#places.set(query, { offset, bytes: bytes.length });
      }
      this.#end = { number: number + 1, offset: offset + bytes.length + 1 };
    };
    await eachLine(path, take, { from: this.#end });
  }
}

const noStore = "is no store of recorded answers: record one, or name another as search.store";

function checkHeader(text: string, { path, backEnd, hits }: StoreOptions): void {
  const parsed = header.safeParse(jsonOf(text));
  if (!parsed.success) throw new SearchStoreError(path, { reason: noStore });
  const { backEnd: recorded, hits: kept } = parsed.data;
  // Who replays over a corpus need not have it: its hash, at the end, is then not compared.
  if (recorded !== backEnd && !recorded.startsWith(`${backEnd} sha256:`)) {
    const reason = `holds answers of ${recorded}, not of ${backEnd}: name another as search.store`;
    throw new SearchStoreError(path, { reason });
  }
  if (hits > kept) {
    const reason = `holds ${kept} hits of each query, and search.hits is ${hits}: lower it`;
    throw new SearchStoreError(path, { reason });
  }
}

function readEntry(path: string, what: string, text: string): z.infer<typeof entry> {
  const parsed = entry.safeParse(jsonOf(text));
  if (!parsed.success) throw new SearchStoreError(path, { reason: `${what} is none of its lines` });
  const { hash, ...body } = parsed.data;
  if (hash !== hashOf(body)) {
    throw new SearchStoreError(path, { reason: `${what} was changed after it was recorded` });
  }
  return parsed.data;
}

function hashOf({ query, hits, backEnd, time }: Omit<z.infer<typeof entry>, "hash">): string {
  return `sha256:${sha256Hex(JSON.stringify({ query, hits, backEnd, time }))}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function typed(path: string, failed: string, thrown: unknown): Error {
  if (thrown instanceof SearchStoreError) return thrown;
  const reason = `${failed} (${ensureError(thrown).message}): search.store names it`;
  return new SearchStoreError(path, { reason, cause: thrown });
}

/** Answers from the store; a query that is not there is asked of `search`, once, and kept. */
export function recordingSearch(search: Search, store: SearchStore, hits: number): Search {
  const asked = new Map<string, Promise<SearchAnswer>>();
  const ask = async (query: string, signal?: AbortSignal): Promise<SearchAnswer> => {
    const answer = await search.query(query, hits, signal);
    await store.add(query, answer.hits);
    return answer;
  };
  return {
    async query(given, count, signal) {
      const query = normalizeQuery(given);
      const known = query === "" ? [] : await store.find(query);
      if (known !== null) return recordedAnswer(known, count);
      const under = asked.get(query) ?? ask(query, signal).finally(() => asked.delete(query));
      asked.set(query, under);
      const answer = await under;
      return { ...answer, hits: answer.hits.slice(0, count) };
    },
    async close() {
      await search.close();
      await store.close();
    },
  };
}

/** Answers from the store alone. @throws SearchMissError */
export function replayingSearch(store: SearchStore, path: string): Search {
  return {
    async query(given, count) {
      const query = normalizeQuery(given);
      const known = query === "" ? [] : await store.find(query);
      if (known === null) throw new SearchMissError(query, path);
      return recordedAnswer(known, count);
    },
    close: () => store.close(),
  };
}

function recordedAnswer(hits: readonly SearchHit[], count: number): SearchAnswer {
  return { hits: hits.slice(0, count), observed: { backEnd: "store", source: "recorded" } };
}
