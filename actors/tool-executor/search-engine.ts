// A search back end in the environment's words.
import { informationOf } from "../../tasks/index.ts";
import { bounded, toolTextCharsMax } from "./executor.ts";
import type { SearchEngine } from "./ports.ts";

/** Room for the environment's own words around the hits, in characters. */
const wordsCharsMax = 100;

/** What the sandbox room's back ends offer. */
export interface SearchBackEnd {
  query(
    text: string,
    count: number,
  ): Promise<readonly { readonly id?: string; readonly text: string }[]>;
}

/**
 * Answers queries with the best `count` hits of `backEnd`. Hits share the room that a tool's text
 * has, so that none is cut together with the tag behind it.
 */
export function searchEngine(backEnd: SearchBackEnd, count: number): SearchEngine {
  const charsMax = Math.floor((toolTextCharsMax - wordsCharsMax) / count) - 1;
  return {
    async query(query) {
      const hits = await backEnd.query(query, count);
      const text = informationOf(hits.map((hit) => bounded(hit.text, charsMax)));
      return { text, observed: { hits: hits.map(({ id = null }) => id) } };
    },
  };
}
