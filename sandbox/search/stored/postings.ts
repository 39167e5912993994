// A term's list of postings: documents in ascending order, each with how often the term stands in
// it. Blocks of 128, so that single documents are found without reading all:
//
//   blocks > 1:  per block  uint32 last document, uint32 end of the block's bytes
//   per posting: 2·(document − the one before) + (1 if the frequency is 1), then the frequency if
//                it is not 1, as numbers of `bytes.ts`
import { ByteReader, ByteWriter } from "./bytes.ts";

const blockPostings = 128;
const blockEntryBytes = 8;

/** Writes one list after the other. */
export class PostingWriter {
  readonly #body = new ByteWriter();
  readonly #table = new ByteWriter();
  readonly #list = new ByteWriter();
  #count = 0;
  #last = 0;

  add(document: number, frequency: number): void {
    if (this.#count > 0 && this.#count % blockPostings === 0) this.#endBlock();
    putPosting(this.#body, document - this.#last, frequency);
    this.#last = document;
    this.#count += 1;
  }

  /** The list's bytes, valid until the next `finish`; what is added next begins a new list. */
  finish(): Buffer {
    const isCut = this.#count > blockPostings;
    if (isCut) this.#endBlock();
    this.#list.clear();
    if (isCut) this.#list.bytes(this.#table.written);
    this.#list.bytes(this.#body.written);
    this.#body.clear();
    this.#table.clear();
    this.#count = 0;
    this.#last = 0;
    return this.#list.written;
  }

  #endBlock(): void {
    this.#table.word(this.#last);
    this.#table.word(this.#body.length);
  }
}

/** One posting, as the lists and the runs hold it. */
export function putPosting(writer: ByteWriter, gap: number, frequency: number): void {
  writer.number(2 * gap + (frequency === 1 ? 1 : 0));
  if (frequency !== 1) writer.number(frequency);
}

/** Calls `visit` for `count` postings from the reader's place on. */
export function eachPosting(
  reader: ByteReader,
  count: number,
  visit: (document: number, frequency: number) => void,
): void {
  let document = 0;
  for (let index = 0; index < count; index++) {
    const code = reader.number();
    document += Math.floor(code / 2);
    visit(document, code % 2 === 1 ? 1 : reader.number());
  }
}

/** A list as it was read. */
export interface PostingList {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Where a list's postings begin, behind its table of blocks. */
export function bodyStart({ count }: PostingList): number {
  return count > blockPostings ? Math.ceil(count / blockPostings) * blockEntryBytes : 0;
}

/**
 * Looks up `documents` (ascending) in a list: calls `visit` with the index in `documents` and the
 * frequency for each that is there. Reads only blocks in which one may be.
 */
export function lookUp(
  list: PostingList,
  documents: Uint32Array,
  visit: (index: number, frequency: number) => void,
): void {
  const { bytes, count } = list;
  const blocks = Math.ceil(count / blockPostings);
  const start = bodyStart(list);
  const lastOf = (block: number) =>
    blocks === 1 ? Number.POSITIVE_INFINITY : bytes.readUInt32LE(block * blockEntryBytes);
  const endOf = (block: number) => bytes.readUInt32LE(block * blockEntryBytes + 4);
  let index = 0;
  let block = 0;
  while (index < documents.length) {
    block = firstBlock(lastOf, block, blocks, documents[index] as number);
    if (block === blocks) return;
    const place = start + (block === 0 ? 0 : endOf(block - 1));
    const first = block === 0 ? 0 : lastOf(block - 1);
    const size = Math.min(blockPostings, count - block * blockPostings);
    index = matchBlock(new ByteReader(bytes, place), { first, size }, documents, index, visit);
    block += 1;
  }
}

/** The first block from `from` on whose last document is not before `document`. */
function firstBlock(
  lastOf: (block: number) => number,
  from: number,
  blocks: number,
  document: number,
): number {
  let [low, high] = [from, blocks];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lastOf(middle) < document) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Matches one block; returns the index of the first document that lies behind it. */
function matchBlock(
  reader: ByteReader,
  { first, size }: { readonly first: number; readonly size: number },
  documents: Uint32Array,
  from: number,
  visit: (index: number, frequency: number) => void,
): number {
  let document = first;
  let index = from;
  for (let posting = 0; posting < size; posting++) {
    const code = reader.number();
    document += Math.floor(code / 2);
    const frequency = code % 2 === 1 ? 1 : reader.number();
    while (index < documents.length && (documents[index] as number) < document) index += 1;
    if (index === documents.length) return index;
    if (documents[index] === document) {
      visit(index, frequency);
      index += 1;
    }
  }
  return index;
}
