// A search back end in the environment's words.
import { searchReport } from "../../tasks/index.ts";
import type { SearchEngine } from "./ports.ts";

/** What the sandbox room's back ends offer. */
export interface SearchBackEnd {
  query(text: string, count: number): Promise<readonly { readonly text: string }[]>;
}

/** Answers queries with the best `count` hits of `backEnd`. */
export function searchEngine(backEnd: SearchBackEnd, count: number): SearchEngine {
  return {
    async query(query) {
      const hits = await backEnd.query(query, count);
      const text = searchReport(hits.map((hit) => hit.text));
      return { text, observed: { hits: hits.length } };
    },
  };
}
