// The best documents of an index for a query, with the scores of `bm25.ts` to the last bit.
//
// Rare terms come first and collect candidates (Turtle and Flood's MaxScore): as soon as what the
// other terms can give at most is less than the k-th best has already, no new document can enter.
// Those that have are looked up in the lists of the other terms, and fewer after each. The few that
// are left at the end are scored anew in the order of the query, so that the sum is the same sum.
import { gainOf, inverseFrequency, lengthNorm } from "../formula.ts";
import { ByteReader } from "./bytes.ts";
import type { DocumentTable, IndexedTerm } from "./files.ts";
import { bodyStart, lookUp, type PostingList } from "./postings.ts";

/** A term of the query with its list. */
export interface RankedTerm extends IndexedTerm {
  readonly list: PostingList;
}

export interface RankedDocument {
  readonly document: number;
  readonly score: number;
}

/**
 * Sums in another order differ in their last bits: bounds are widened by this share, so that a
 * document is never left out for it.
 */
const slack = 1e-9;

export class Ranker {
  readonly #lengths: Uint32Array;
  readonly #ranks: Uint32Array;
  /** By length. */
  readonly #norms: Float64Array;
  /** By document; zero but while a query is worked on. */
  readonly #sums: Float64Array;
  readonly #touched: Uint32Array;

  constructor({ lengths, ranks }: DocumentTable, tokens: number) {
    this.#lengths = lengths;
    this.#ranks = ranks;
    const average = tokens / Math.max(1, lengths.length);
    let longest = 0;
    for (const length of lengths) longest = Math.max(longest, length);
    this.#norms = Float64Array.from({ length: longest + 1 }, (_, length) =>
      lengthNorm(length, average),
    );
    this.#sums = new Float64Array(lengths.length);
    this.#touched = new Uint32Array(lengths.length);
  }

  /** The best `count` documents for `terms`, which stand in the order of the query. */
  rank(terms: readonly RankedTerm[], count: number): readonly RankedDocument[] {
    const documents = this.#candidates(terms, count);
    const scores = new Float64Array(documents.length);
    for (const { list, count: having } of terms) {
      const idf = inverseFrequency(having, this.#lengths.length);
      lookUp(list, documents, (index, frequency) => {
        const gain = gainOf(idf, frequency, this.#norm(documents[index] as number));
        scores[index] = (scores[index] as number) + gain;
      });
    }
    const ranked = Array.from(documents, (document, index) => ({
      document,
      score: scores[index] as number,
    }));
    const rankOf = ({ document }: RankedDocument) => this.#ranks[document] as number;
    ranked.sort((x, y) => y.score - x.score || rankOf(x) - rankOf(y));
    return ranked.slice(0, count);
  }

  #norm(document: number): number {
    return this.#norms[this.#lengths[document] as number] as number;
  }

  /** Every document that may be among the best, ascending; few others. */
  #candidates(terms: readonly RankedTerm[], count: number): Uint32Array {
    const byGain = [...terms].sort((x, y) => y.gainMax - x.gainMax);
    const rests = restsOf(byGain);
    let touched = 0;
    let done = 0;
    let least = 0;
    for (const term of byGain) {
      touched = this.#add(term, touched);
      done += 1;
      least = this.#kthSum(this.#touched.subarray(0, touched), count);
      if ((rests[done] ?? 0) < least) break;
    }
    const all = this.#touched.subarray(0, touched);
    let kept = this.#within(all, least, rests[done] ?? 0).sort();
    // No new document can enter. The other terms only tell those apart that have.
    for (const term of byGain.slice(done)) {
      this.#addTo(kept, term);
      done += 1;
      kept = this.#within(kept, this.#kthSum(kept, count), rests[done] ?? 0);
    }
    for (const document of all) this.#sums[document] = 0;
    return kept;
  }

  /** Those of `documents` that may still reach `least` if they get all of `rest`. */
  #within(documents: Uint32Array, least: number, rest: number): Uint32Array {
    const bound = least - rest;
    return documents.filter((document) => (this.#sums[document] as number) >= bound);
  }

  /** Adds what a term gives to the sums of `documents` alone. */
  #addTo(documents: Uint32Array, { list, count }: RankedTerm): void {
    const idf = inverseFrequency(count, this.#lengths.length);
    lookUp(list, documents, (index, frequency) => {
      const document = documents[index] as number;
      const gain = gainOf(idf, frequency, this.#norm(document));
      this.#sums[document] = (this.#sums[document] as number) + gain;
    });
  }

  /** Adds what a term gives to the sums; returns how many documents have one now. */
  #add({ list, count }: RankedTerm, before: number): number {
    const [sums, lengths, norms] = [this.#sums, this.#lengths, this.#norms];
    const idf = inverseFrequency(count, lengths.length);
    const reader = new ByteReader(list.bytes, bodyStart(list));
    let touched = before;
    let document = 0;
    for (let posting = 0; posting < count; posting++) {
      const code = reader.number();
      document += Math.floor(code / 2);
      const frequency = code % 2 === 1 ? 1 : reader.number();
      const sum = sums[document] as number;
      if (sum === 0) this.#touched[touched++] = document;
      sums[document] = sum + gainOf(idf, frequency, norms[lengths[document] as number] as number);
    }
    return touched;
  }

  /** The `count`-th highest of the sums, a little less for safety; 0 where there are fewer. */
  #kthSum(documents: Uint32Array, count: number): number {
    const best = new LeastOfBest(count);
    for (const document of documents) best.add(this.#sums[document] as number);
    return best.least * (1 - slack);
  }
}

/** By how many terms are done: the most that the others can give, a little more for safety. */
function restsOf(terms: readonly RankedTerm[]): readonly number[] {
  const rests = [0];
  for (const { gainMax } of [...terms].reverse()) rests.unshift((rests[0] ?? 0) + gainMax);
  return rests.map((rest) => rest * (1 + slack));
}

/** Keeps the highest `size` values; a heap with the least of them on top. */
class LeastOfBest {
  readonly #values: Float64Array;

  constructor(size: number) {
    this.#values = new Float64Array(size);
  }

  get least(): number {
    return this.#values[0] ?? 0;
  }

  add(value: number): void {
    const values = this.#values;
    if (value <= (values[0] as number)) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= values.length) break;
      const right = child + 1;
      if (right < values.length && (values[right] as number) < (values[child] as number)) {
        child = right;
      }
      if (value <= (values[child] as number)) break;
      values[place] = values[child] as number;
      place = child;
    }
    values[place] = value;
  }
}
