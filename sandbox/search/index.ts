export { createBm25Search } from "./bm25.ts";
export { readCorpus } from "./corpus.ts";
export type { Search, SearchHit } from "./types.ts";
