// BM25 over a corpus in memory: the embedded search. Small on purpose: exact tokens, no stemming,
// no fuzziness, so that a hit can be explained and is the same on every machine. What is too large
// for it is searched on the disk (`stored/`), with equal scores.
import { gainOf, inverseFrequency, lengthNorm } from "./formula.ts";
import { tokenize } from "./tokens.ts";
import type { Passage, Search, SearchHit } from "./types.ts";

interface Posting {
  readonly document: number;
  readonly frequency: number;
}

/** Builds an index over the documents. Ties are ordered by id, so the order is total. */
export function createBm25Search(documents: readonly Passage[]): Search {
  const postings = new Map<string, Posting[]>();
  const lengths = documents.map(({ text }, document) => {
    const tokens = tokenize(text);
    const frequencies = new Map<string, number>();
    for (const token of tokens) frequencies.set(token, (frequencies.get(token) ?? 0) + 1);
    for (const [token, frequency] of frequencies) {
      const list = postings.get(token);
      if (list === undefined) postings.set(token, [{ document, frequency }]);
      else list.push({ document, frequency });
    }
    return tokens.length;
  });
  const average = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);

  const scoresOf = (text: string): Map<number, number> => {
    const scores = new Map<number, number>();
    for (const token of new Set(tokenize(text))) {
      const list = postings.get(token) ?? [];
      const idf = inverseFrequency(list.length, documents.length);
      for (const { document, frequency } of list) {
        const norm = lengthNorm(lengths[document] ?? 0, average);
        scores.set(document, (scores.get(document) ?? 0) + gainOf(idf, frequency, norm));
      }
    }
    return scores;
  };

  return {
    async query(text, count) {
      const ranked: (SearchHit & { readonly score: number })[] = [];
      for (const [document, score] of scoresOf(text)) {
        const found = documents[document];
        if (found !== undefined) ranked.push({ id: found.id, text: found.text, score });
      }
      ranked.sort((x, y) => y.score - x.score || (x.id < y.id ? -1 : 1));
      return { hits: ranked.slice(0, count), observed: { backEnd: "bm25" } };
    },
    async close() {},
  };
}
