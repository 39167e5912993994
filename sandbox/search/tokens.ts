// Text as search sees it.

/** Characters of a query that are asked for; a turn may hold more. */
export const queryCharsMax = 1_024;

const ascii = /^[\0-\x7f]*$/;

/** Lower case, accents folded, letters and digits of any script. */
export function tokenize(text: string): readonly string[] {
  // The same tokens without the costly parts, which change nothing here.
  if (ascii.test(text)) return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const folded = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return folded.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * The query that is asked for `text`, remembered and recorded under: one form (NFC), blanks and
 * control characters to single spaces, at most `queryCharsMax` characters. Case and signs stay:
 * they mean something to a web search. Empty where there is no letter or digit to search for.
 */
export function normalizeQuery(text: string): string {
  // Through UTF-8, which replaces halves of surrogate pairs.
  const sound = Buffer.from(text).toString().normalize("NFC");
  const plain = sound.replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  const cut = plain.slice(0, queryCharsMax).replace(/[\ud800-\udbff]$/, "");
  return /[\p{L}\p{N}]/u.test(cut) ? cut.trimEnd() : "";
}
