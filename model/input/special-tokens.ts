// Finding special tokens in text, and keeping text from outside from being found.
//
// Invariant: after `shield`, a text has no special token, nor the start of one at its end, so that
// none can appear where shielded texts are joined with others.

/** A piece of text: ordinary, or one special token by its id. */
export type Segment = { readonly text: string } | { readonly id: number };

/** Splits text at special tokens, leftmost first and longest where several start together. */
export class SpecialTokens {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #pattern: RegExp | undefined;

  constructor(ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    const longestFirst = [...ids.keys()].sort((left, right) => right.length - left.length);
    if (longestFirst.length > 0) {
      this.#pattern = new RegExp(longestFirst.map(escapePattern).join("|"), "g");
    }
  }

  /** The pieces of `text` in order; their texts, special tokens included, join to `text`. */
  split(text: string): readonly Segment[] {
    const segments: Segment[] = [];
    let start = 0;
    for (const match of this.#pattern === undefined ? [] : text.matchAll(this.#pattern)) {
      if (match.index > start) segments.push({ text: text.slice(start, match.index) });
      const id = this.#ids.get(match[0]);
      if (id !== undefined) segments.push({ id });
      start = match.index + match[0].length;
    }
    if (start < text.length) segments.push({ text: text.slice(start) });
    return segments;
  }

  /** Breaks up every special token of `text`, whole or begun at its end, with `mark`. */
  shield(text: string, mark: string): string {
    const tokens = [...this.#ids.keys()];
    let shielded = "";
    for (let index = 0; index < text.length; index++) {
      const character = text.charAt(index);
      const begins = tokens.some(
        (token) =>
          token.startsWith(character) &&
          (text.startsWith(token, index) ||
            (text.length - index < token.length && token.startsWith(text.slice(index)))),
      );
      shielded += begins ? character + mark : character;
    }
    return shielded;
  }
}

/**
 * Characters of Unicode's private use area that occur in none of `texts`.
 *
 * @returns `count` different characters, the same for the same texts; undefined when all are taken.
 */
export function unusedCharacters(
  texts: readonly string[],
  count: number,
): readonly string[] | undefined {
  const found: string[] = [];
  for (let code = 0xe000; code <= 0xf8ff && found.length < count; code++) {
    const character = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(character))) found.push(character);
  }
  return found.length === count ? found : undefined;
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
