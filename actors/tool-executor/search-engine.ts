// A search back end in the environment's words.
import { informationOf } from "../../tasks/index.ts";
import { bounded, toolTextCharsMax } from "./executor.ts";
import type { SearchEngine } from "./ports.ts";

/** Room for the environment's own words around the hits, in characters. */
const wordsCharsMax = 100;
/** Room for its words before each hit. */
const hitWordsCharsMax = 14;

/** What the sandbox room's back ends offer. */
export interface SearchBackEnd {
  query(
    text: string,
    count: number,
    signal?: AbortSignal,
  ): Promise<{
    readonly hits: readonly { readonly id?: string; readonly text: string }[];
    readonly observed: Readonly<Record<string, unknown>>;
  }>;
}

/**
 * Answers queries with the best `count` hits of `backEnd`, in the words of a protocol. Hits share
 * the room that a tool's text has, so that none is cut together with the tag behind it.
 */
export function searchEngine(
  backEnd: SearchBackEnd,
  count: number,
  words: (passages: readonly string[]) => string = informationOf,
): SearchEngine {
  const charsMax = Math.floor((toolTextCharsMax - wordsCharsMax) / count) - hitWordsCharsMax;
  return {
    async query(query, signal) {
      const { hits, observed } = await backEnd.query(query, count, signal);
      const text = words(hits.map((hit) => bounded(hit.text, charsMax)));
      return { text, observed: { ...observed, hits: hits.map(({ id = null }) => id) } };
    },
  };
}
