// What a server gave, within the bounds of a hit.
import { type Passage, passageCharsMax, type SearchHit } from "../types.ts";

/** Characters of an id or an address. */
const idCharsMax = 2_048;

/** A hit with its texts cut to their bounds, never within a character. */
export function boundedHit({ id, text }: Passage, score: number | null = null): SearchHit {
  return { id: cut(id, idCharsMax), text: cut(text, passageCharsMax), score };
}

function cut(text: string, charsMax: number): string {
  // JSON may hold halves of surrogate pairs, and so may what is left of a cut.
  return Buffer.from(text.slice(0, charsMax).replace(/[\ud800-\udbff]$/, "")).toString();
}
