export { createBm25Search } from "./bm25.ts";
export { readCorpus } from "./corpus.ts";
export { openStoredSearch, type StoredSearchOptions } from "./stored/index.ts";
export { normalizeQuery } from "./tokens.ts";
export type { Passage, Search, SearchAnswer, SearchHit } from "./types.ts";
