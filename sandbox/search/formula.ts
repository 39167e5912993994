// BM25, written once: every implementation computes the same floats in the same order, so that
// scores are equal to the last bit.
//
//   score(d, q) = Σ_t idf(t) · f(t,d)·(k1+1) / (f(t,d) + k1·(1 − b + b·|d|/avg))
//   idf(t) = ln(1 + (N − n(t) + 0.5) / (n(t) + 0.5))        (Robertson; Lucene's non-negative form)
//
// Terms are added in the order in which they first stand in the query.

const k1 = 1.2;
const b = 0.75;

/** How much a term tells that `count` of `documents` documents have. */
export function inverseFrequency(count: number, documents: number): number {
  return Math.log(1 + (documents - count + 0.5) / (count + 0.5));
}

/** What the length of a document, in tokens, takes from every term. */
export function lengthNorm(length: number, average: number): number {
  return k1 * (1 - b + (b * length) / average);
}

/** What a term that stands `frequency` times gives a document. */
export function gainOf(idf: number, frequency: number, norm: number): number {
  return (idf * frequency * (k1 + 1)) / (frequency + norm);
}
