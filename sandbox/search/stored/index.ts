export { corpusHash, openStoredSearch, type StoredSearchOptions } from "./open.ts";
