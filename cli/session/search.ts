// The search that a configuration chooses: over a corpus or at a server, asked live, recorded or
// replayed.
import { join } from "node:path";
import type { RunConfig } from "../../config/index.ts";
import {
  corpusHash,
  createBm25Search,
  createRetrieverSearch,
  createSerperSearch,
  openCorpusSearch,
  QueryBudget,
  recordingSearch,
  replayingSearch,
  type Search,
  SearchKeyError,
  SearchServer,
  SearchStore,
} from "../../sandbox/index.ts";
import { miniCorpus } from "../../tasks/index.ts";
import { searchKey } from "../environment.ts";
import { budgetFile } from "../run/index.ts";
import { clock } from "../text/index.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

type Chosen = RunConfig["search"];
type Served = Exclude<Chosen, { readonly type: "bm25" }>;

/** How often the progress of an index is told, in milliseconds. */
const tellMs = 5_000;

/**
 * Opens the search of a run. What can be wrong about it is told here: a key that is not set, a
 * retrieval server that does not answer.
 */
export async function openSearch(
  options: SessionOptions,
  closers: Closers,
  signal: AbortSignal,
): Promise<Search> {
  const { search: chosen } = options.config;
  const { mode, store: path } = chosen;
  if (mode === "live" || path === undefined) {
    const search = await openBackEnd(options, signal);
    closers.add(() => search.close());
    return search;
  }
  const { hits } = chosen;
  if (mode === "replay") {
    const kept = { path, backEnd: nameOf(chosen), hits, clock: options.clock };
    const store = await SearchStore.open(kept, false);
    closers.add(() => store.close());
    options.say(`search answers from ${path}, ${store.size} queries`);
    return replayingSearch(store, path);
  }
  const search = await openBackEnd(options, signal);
  closers.add(() => search.close());
  const backEnd = await wholeNameOf(chosen, signal);
  const store = await SearchStore.open({ path, backEnd, hits, clock: options.clock }, true);
  closers.add(() => store.close());
  return recordingSearch(search, store, hits);
}

async function openBackEnd(options: SessionOptions, signal: AbortSignal): Promise<Search> {
  const { search } = options.config;
  if (search.type === "bm25") return openCorpus(search, options, signal);
  const server = new SearchServer(await accessOf(search, options));
  if (search.type === "serper") return createSerperSearch(server, search);
  const retriever = createRetrieverSearch(server);
  try {
    // It costs nothing, and a run without a retriever does not begin.
    await retriever.query("first query", 1, signal);
  } catch (thrown) {
    await retriever.close();
    throw thrown;
  }
  return retriever;
}

async function accessOf(search: Served, { config, directory, env }: SessionOptions) {
  const { url, timeoutMs, attemptsMax, requestsMax, queriesMax } = search;
  const { apiKeyVariable, queriesPerSecond = Number.POSITIVE_INFINITY } = search;
  const value = searchKey(config, env);
  if (apiKeyVariable !== undefined) checkKey(apiKeyVariable, value);
  const header =
    search.type === "serper"
      ? { header: "x-api-key", prefix: "" }
      : { header: "authorization", prefix: "Bearer " };
  const budget =
    queriesMax === undefined
      ? null
      : await QueryBudget.open(join(directory, budgetFile), queriesMax);
  const limits = { timeoutMs, attemptsMax, requestsMax, queriesPerSecond };
  return { url, key: value === undefined ? null : { ...header, value }, budget, ...limits };
}

function checkKey(variable: string, value: string | undefined): void {
  if (value === undefined || value === "") {
    throw new SearchKeyError(variable, "is not set in this process's environment");
  }
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new SearchKeyError(variable, "holds characters that no key has");
  }
}

async function openCorpus(
  { corpus, index }: Extract<Chosen, { readonly type: "bm25" }>,
  { say }: SessionOptions,
  signal: AbortSignal,
): Promise<Search> {
  // Named so where nobody searches.
  if (corpus === "none") return createBm25Search([]);
  if (corpus === "mini") {
    return createBm25Search(miniCorpus().map(({ id, contents }) => ({ id, text: contents })));
  }
  const begunMs = performance.now();
  let toldMs = begunMs;
  const onProgress = (share: number): void => {
    const nowMs = performance.now();
    if (share === 0 || share === 1 || nowMs - toldMs < tellMs) return;
    toldMs = nowMs;
    const leftSeconds = ((nowMs - begunMs) * (1 - share)) / share / 1_000;
    say(`indexing ${corpus}: ${Math.floor(100 * share)} %, about ${clock(leftSeconds)} left`);
  };
  return openCorpusSearch({ corpus, index, onProgress, signal });
}

/** What a store says of who answered, as far as the configuration tells. */
function nameOf(search: Chosen): string {
  if (search.type === "bm25" && isBuiltIn(search.corpus)) return `bm25 ${search.corpus}`;
  if (search.type !== "serper") return search.type;
  const { results, country = "any", language = "any" } = search;
  return `serper ${results} country=${country} language=${language}`;
}

/** The same with the corpus: answers of another must not be mixed with its own. */
async function wholeNameOf(search: Chosen, signal: AbortSignal): Promise<string> {
  if (search.type !== "bm25" || isBuiltIn(search.corpus)) return nameOf(search);
  return `bm25 sha256:${await corpusHash(search.corpus, signal)}`;
}

/** Of no file. */
const isBuiltIn = (corpus: string): boolean => corpus === "mini" || corpus === "none";
