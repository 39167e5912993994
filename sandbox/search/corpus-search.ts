// Search over a corpus file: in memory where it is small, else through an index on the disk.
import { stat } from "node:fs/promises";
import { createBm25Search } from "./bm25.ts";
import { readCorpus } from "./corpus.ts";
import { openStoredSearch, type StoredSearchOptions } from "./stored/index.ts";
import type { Search } from "./types.ts";

/** Bytes of a corpus that is searched in memory, where no folder is named for its index. */
const memoryBytesMax = 8 * 2 ** 20;

/** Opens a corpus. @throws CorpusError, IndexError */
export async function openCorpusSearch(options: StoredSearchOptions): Promise<Search> {
  const { corpus, index } = options;
  const found = await stat(corpus).catch(() => null);
  const isSmall = found !== null && found.size <= memoryBytesMax && index === undefined;
  return isSmall ? createBm25Search(await readCorpus(corpus)) : openStoredSearch(options);
}
