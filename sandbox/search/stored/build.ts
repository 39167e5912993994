// Builds an index from a corpus in bounded memory: some tens of bytes per passage, and a run of
// postings. One pass over the corpus writes sorted runs of terms and of ids; merging them writes
// the lists.
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, open, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CorpusError } from "../../errors.ts";
import { eachPassage, repeatedId } from "../corpus.ts";
import { gainOf, inverseFrequency, lengthNorm } from "../formula.ts";
import { tokenize } from "../tokens.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { type Growing, growingFloats, growingWords } from "./grow.ts";
import { documentsMax, type IndexMeta, indexFiles, indexVersion } from "./layout.ts";
import { eachPosting, PostingWriter } from "./postings.ts";
import { mergeRuns, writeAll } from "./runs.ts";
import { IdRuns, TermRuns } from "./sorting.ts";

const bufferBytes = 2 ** 20;

export interface BuildOptions {
  /** Called with the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Of the time that building takes: the pass over the corpus, then the ids, then the lists. */
const passShare = 0.85;
const idShare = 0.03;

/**
 * Builds the index of `corpus` in the empty folder `folder`; the meta file comes last.
 *
 * @throws CorpusError; what the file system throws
 */
export async function buildIndex(
  corpus: string,
  folder: string,
  { onProgress = () => {}, signal }: BuildOptions,
): Promise<void> {
  const runs = join(folder, "runs");
  await mkdir(runs);
  const read = await readCorpusOnce(corpus, runs, signal, (share) => onProgress(share * passShare));
  const { documents, terms, ids } = read;
  const count = documents.lengths.length;
  const ranks = await rankIds(corpus, ids, count, signal);
  onProgress(passShare + idShare);
  const bytesOf: Record<string, number> = {};
  const write = async (name: string, parts: readonly Uint8Array[]): Promise<void> => {
    await writeFile(join(folder, name), parts);
    bytesOf[name] = parts.reduce((sum, part) => sum + part.byteLength, 0);
  };
  const { offsets, bytes, lengths } = documents;
  const columns = [offsets.values, bytes.values, lengths.values, ranks].map(bytesOfArray);
  await write(indexFiles.documents, columns);
  const left = 1 - passShare - idShare;
  const lists = await writeLists(folder, read, signal, (keys) => {
    // A term of one run is seen once: this is never more than all, and close to it at the end.
    onProgress(passShare + idShare + left * Math.min(1, keys / Math.max(1, terms.terms)));
  });
  await write(indexFiles.terms, [
    ...[lists.textStarts.values, lists.listStarts.values, lists.gains.values].map(bytesOfArray),
    bytesOfArray(lists.counts.values),
  ]);
  bytesOf[indexFiles.postings] = lists.listStarts.at(lists.listStarts.length - 1);
  bytesOf[indexFiles.termText] = lists.textStarts.at(lists.textStarts.length - 1);
  const meta: IndexMeta = {
    format: "varft-bm25",
    version: indexVersion,
    corpus: read.hash,
    corpusBytes: read.corpusBytes,
    documents: count,
    terms: lists.counts.length,
    postings: terms.postings,
    tokens: read.tokens,
    bytes: bytesOf,
  };
  await rm(runs, { recursive: true });
  for (const name of Object.keys(bytesOf)) await flush(join(folder, name));
  await writeFile(join(folder, indexFiles.meta), `${JSON.stringify(meta, null, 2)}\n`);
  onProgress(1);
}

/** The meta file vouches for the others, so they are on the disk before it. */
async function flush(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Documents {
  readonly offsets: Growing<Float64Array>;
  readonly bytes: Growing<Uint32Array>;
  readonly lengths: Growing<Uint32Array>;
}

interface ReadCorpus {
  readonly documents: Documents;
  readonly terms: TermRuns;
  readonly ids: IdRuns;
  readonly hash: string;
  readonly corpusBytes: number;
  readonly tokens: number;
}

async function readCorpusOnce(
  corpus: string,
  folder: string,
  signal: AbortSignal | undefined,
  onShare: (share: number) => void,
): Promise<ReadCorpus> {
  const size = await stat(corpus).then(
    (found) => found.size,
    () => 0,
  );
  const documents = { offsets: growingFloats(), bytes: growingWords(), lengths: growingWords() };
  const terms = new TermRuns(folder);
  const ids = new IdRuns(folder);
  const hash = createHash("sha256");
  let [corpusBytes, tokens] = [0, 0];
  const onChunk = (chunk: Uint8Array): void => {
    hash.update(chunk);
    corpusBytes += chunk.length;
    onShare(Math.min(1, corpusBytes / Math.max(1, size)));
  };
  await eachPassage(
    corpus,
    ({ id, text }, { number, offset }, bytes) => {
      const document = documents.lengths.length;
      if (document >= documentsMax) {
        const path = corpus;
        throw new CorpusError(`more than ${documentsMax} passages`, { path, line: number });
      }
      const words = tokenize(text);
      terms.add(document, words);
      ids.add(id, document, number);
      documents.offsets.push(offset);
      documents.bytes.push(bytes);
      documents.lengths.push(words.length);
      tokens += words.length;
    },
    { onChunk, signal },
  );
  terms.end();
  ids.end();
  return { documents, terms, ids, hash: hash.digest("hex"), corpusBytes, tokens };
}

/** The place of each document among all ids. @throws CorpusError for an id that stands twice */
async function rankIds(
  path: string,
  ids: IdRuns,
  documents: number,
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const ranks = new Uint32Array(documents);
  let next = 0;
  const take = (id: string, payloads: readonly Uint8Array[]): void => {
    const lines: number[] = [];
    for (const payload of payloads) {
      const reader = new ByteReader(payload);
      while (reader.position < payload.length) {
        ranks[reader.number()] = next;
        lines.push(reader.number());
      }
    }
    const [first = 0, line] = lines;
    if (line !== undefined) throw repeatedId(path, id, { first, line });
    next += 1;
  };
  await mergeRuns(ids.paths, take, { signal });
  return ranks;
}

interface Lists {
  readonly textStarts: Growing<Float64Array>;
  readonly listStarts: Growing<Float64Array>;
  readonly gains: Growing<Float64Array>;
  readonly counts: Growing<Uint32Array>;
}

/** Merges the runs of terms into the lists. */
async function writeLists(
  folder: string,
  { terms, documents, tokens }: ReadCorpus,
  signal: AbortSignal | undefined,
  onTurn: (keys: number) => void,
): Promise<Lists> {
  const [textStarts, listStarts, gains] = [growingFloats(), growingFloats(), growingFloats()];
  const counts = growingWords();
  const lengths = documents.lengths.values;
  const average = tokens / Math.max(1, lengths.length);
  const lists = new BufferedFile(join(folder, indexFiles.postings));
  const texts = new BufferedFile(join(folder, indexFiles.termText));
  const writer = new PostingWriter();
  const take = (term: string, payloads: readonly Uint8Array[]): void => {
    const parts = payloads.map((payload) => {
      const reader = new ByteReader(payload);
      return { count: reader.number(), reader };
    });
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    const idf = inverseFrequency(count, lengths.length);
    let gain = 0;
    for (const { count: some, reader } of parts) {
      eachPosting(reader, some, (document, frequency) => {
        writer.add(document, frequency);
        const norm = lengthNorm(lengths[document] as number, average);
        gain = Math.max(gain, gainOf(idf, frequency, norm));
      });
    }
    textStarts.push(texts.length);
    listStarts.push(lists.length);
    texts.add(Buffer.from(term));
    lists.add(writer.finish());
    gains.push(gain);
    counts.push(count);
  };
  try {
    await mergeRuns(terms.paths, take, { signal, onTurn });
  } finally {
    texts.close();
    lists.close();
  }
  textStarts.push(texts.length);
  listStarts.push(lists.length);
  return { textStarts, listStarts, gains, counts };
}

/** A file that is written from begin to end. */
class BufferedFile {
  readonly #file: number;
  readonly #buffer = new ByteWriter();
  #flushed = 0;

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  /** Bytes so far. */
  get length(): number {
    return this.#flushed + this.#buffer.length;
  }

  add(bytes: Uint8Array): void {
    this.#buffer.bytes(bytes);
    if (this.#buffer.length >= bufferBytes) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeAll(this.#file, this.#buffer.written);
    this.#flushed += this.#buffer.length;
    this.#buffer.clear();
  }
}

function bytesOfArray({ buffer, byteOffset, byteLength }: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
