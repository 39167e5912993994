// The known word that a mistyped one was probably meant to be.

/** A suggestion differs in at most this share of its letters. */
const distanceShareMax = 0.4;

/** The candidate nearest to `word` by edit distance; null where none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    const near = distance <= Math.ceil(distanceShareMax * candidate.length);
    if (near && distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Insertions, deletions and substitutions between two words (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      const insertion = (next[column - 1] ?? 0) + 1;
      next.push(Math.min(substitution, insertion, (row[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
