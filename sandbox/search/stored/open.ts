// Search over a corpus file through its index on the disk. The index is made once, and anew when
// the corpus is another: what counts is the hash of its bytes, read at every opening.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { CorpusError, IndexError } from "../../errors.ts";
import { parsePassage } from "../corpus.ts";
import { tokenize } from "../tokens.ts";
import type { Search, SearchAnswer, SearchHit } from "../types.ts";
import { type BuildOptions, buildIndex } from "./build.ts";
import { IndexFiles, readMeta } from "./files.ts";
import type { IndexMeta } from "./layout.ts";
import { type RankedDocument, type RankedTerm, Ranker } from "./rank.ts";

const chunkBytes = 2 ** 20;
const buildingMark = ".building-";

export interface StoredSearchOptions extends BuildOptions {
  /** The corpus: JSON lines. */
  readonly corpus: string;
  /** The folder of the index; beside the corpus by default. */
  readonly index?: string | undefined;
}

/** Where the index of a corpus is by default. */
const indexFolderOf = (corpus: string): string => `${corpus}.bm25`;

/**
 * Opens search over a corpus of any size. The event loop is busy while a query is worked on.
 *
 * @throws CorpusError for the corpus, IndexError for the folder of the index
 */
export async function openStoredSearch(options: StoredSearchOptions): Promise<Search> {
  const { corpus, index = indexFolderOf(corpus) } = options;
  const hash = await corpusHash(corpus, options.signal);
  const meta = await currentIndex(corpus, index, hash, options);
  const file = await open(corpus);
  try {
    const { mtimeMs } = await file.stat();
    return new StoredSearch(corpus, file, await IndexFiles.open(index, meta), mtimeMs);
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/** The SHA-256 of a corpus, as 64 hexadecimal digits. @throws CorpusError */
export async function corpusHash(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  try {
    const stream = createReadStream(path, { highWaterMark: chunkBytes });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
  } catch (thrown) {
    signal?.throwIfAborted();
    throw new CorpusError("the file cannot be read", { path, line: 1, cause: thrown });
  }
  return hash.digest("hex");
}

/** The meta of an index that is the corpus's; made first, where there is none. */
async function currentIndex(
  corpus: string,
  index: string,
  hash: string,
  options: BuildOptions,
): Promise<IndexMeta> {
  const there = await readMeta(index);
  if (there?.corpus === hash) return there;
  const own = `${index}${buildingMark}${hostname()}-${process.pid}`;
  try {
    await removeLeftovers(index);
    await mkdir(own, { recursive: true });
    await buildIndex(corpus, own, options);
    await putInPlace(own, index, hash);
  } catch (thrown) {
    options.signal?.throwIfAborted();
    if (thrown instanceof CorpusError) throw thrown;
    throw new IndexError("cannot be made", { folder: index, cause: thrown });
  } finally {
    // What cannot be removed was told already, or is removed by the next.
    await rm(own, { recursive: true, force: true }).catch(() => {});
  }
  const made = await readMeta(index);
  if (made?.corpus === hash) return made;
  throw new CorpusError("changed while its index was made", { path: corpus, line: 1 });
}

/** Moves a finished index to its place. One that another process has put there meanwhile stays. */
async function putInPlace(own: string, index: string, hash: string): Promise<void> {
  if ((await readMeta(index))?.corpus === hash) return;
  const old = `${own}-old`;
  await rename(index, old).catch(() => {});
  try {
    await rename(own, index);
  } finally {
    await rm(old, { recursive: true, force: true });
  }
}

/** Removes what processes of this host that are gone have left half-made. */
async function removeLeftovers(index: string): Promise<void> {
  const folder = dirname(index);
  const start = `${basename(index)}${buildingMark}${hostname()}-`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(start)) continue;
    const id = Number.parseInt(name.slice(start.length), 10);
    if (!isAlive(id)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (thrown) {
    return (thrown as { code?: unknown }).code === "EPERM";
  }
}

class StoredSearch implements Search {
  readonly #path: string;
  readonly #corpus: FileHandle;
  readonly #files: IndexFiles;
  readonly #ranker: Ranker;
  readonly #changedMs: number;

  constructor(path: string, corpus: FileHandle, files: IndexFiles, changedMs: number) {
    this.#path = path;
    this.#corpus = corpus;
    this.#files = files;
    this.#ranker = new Ranker(files.documents, files.meta.tokens);
    this.#changedMs = changedMs;
  }

  async query(text: string, count: number): Promise<SearchAnswer> {
    const terms: RankedTerm[] = [];
    for (const token of new Set(tokenize(text))) {
      const term = this.#files.find(token);
      if (term !== null) terms.push({ ...term, list: await this.#files.list(term) });
    }
    const ranked = this.#ranker.rank(terms, count);
    const hits = await Promise.all(ranked.map((one) => this.#hit(one)));
    const { size, mtimeMs } = await this.#corpus.stat();
    if (size !== this.#files.meta.corpusBytes || mtimeMs !== this.#changedMs) {
      throw new CorpusError("changed while it was in use", { path: this.#path, line: 1 });
    }
    return { hits, observed: { backEnd: "bm25" } };
  }

  async close(): Promise<void> {
    await this.#files.close();
    await this.#corpus.close();
  }

  async #hit({ document, score }: RankedDocument): Promise<SearchHit> {
    const { offsets, bytes } = this.#files.documents;
    const { [document]: offset = 0 } = offsets;
    const { [document]: length = 0 } = bytes;
    const line = Buffer.allocUnsafe(length);
    await this.#corpus.read(line, 0, length, offset);
    const { id, text } = parsePassage(this.#path, document + 1, line.toString());
    return { id, text, score };
  }
}
