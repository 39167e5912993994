export { indexFolderOf, openStoredSearch, type StoredSearchOptions } from "./open.ts";
