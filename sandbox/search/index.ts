export { createBm25Search } from "./bm25.ts";
export { readCorpus } from "./corpus.ts";
export { openCorpusSearch } from "./corpus-search.ts";
export {
  SearchBudgetError,
  SearchBusyError,
  SearchGarbledError,
  SearchKeyError,
  SearchMissError,
  SearchProtocolError,
  SearchRefusedError,
  SearchStoreError,
  SearchUnreachableError,
} from "./errors.ts";
export { recordingSearch, replayingSearch, SearchStore, type StoreOptions } from "./recorded.ts";
export {
  type Clock,
  createRetrieverSearch,
  createSerperSearch,
  QueryBudget,
  SearchServer,
  type SerperOptions,
  type ServerAccess,
} from "./remote/index.ts";
export { corpusHash, openStoredSearch, type StoredSearchOptions } from "./stored/index.ts";
export { normalizeQuery } from "./tokens.ts";
export type { Passage, Search, SearchAnswer, SearchHit } from "./types.ts";
