// BM25 over a corpus in memory: the embedded search. Small on purpose: exact tokens, no stemming,
// no fuzziness, so that a hit can be explained and is the same on every machine.
//
//   score(d, q) = Σ_t idf(t) · f(t,d)·(k1+1) / (f(t,d) + k1·(1 − b + b·|d|/avg))
//   idf(t) = ln(1 + (N − n(t) + 0.5) / (n(t) + 0.5))        (Robertson; Lucene's non-negative form)
import type { Search, SearchHit } from "./types.ts";

const k1 = 1.2;
const b = 0.75;

interface Posting {
  readonly document: number;
  readonly frequency: number;
}

/** Lower case, accents folded, letters and digits of any script. */
export function tokenize(text: string): readonly string[] {
  const folded = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return folded.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** Builds an index over the documents. Ties are ordered by id, so the order is total. */
export function createBm25Search(documents: readonly SearchHit[]): Search {
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
      const idf = Math.log(1 + (documents.length - list.length + 0.5) / (list.length + 0.5));
      for (const { document, frequency } of list) {
        const norm = k1 * (1 - b + (b * (lengths[document] ?? 0)) / average);
        const gain = (idf * frequency * (k1 + 1)) / (frequency + norm);
        scores.set(document, (scores.get(document) ?? 0) + gain);
      }
    }
    return scores;
  };

  return {
    async query(text, count) {
      const ranked: { hit: SearchHit; score: number }[] = [];
      for (const [document, score] of scoresOf(text)) {
        const hit = documents[document];
        if (hit !== undefined) ranked.push({ hit, score });
      }
      ranked.sort((x, y) => y.score - x.score || (x.hit.id < y.hit.id ? -1 : 1));
      return ranked.slice(0, count).map(({ hit }) => hit);
    },
  };
}
