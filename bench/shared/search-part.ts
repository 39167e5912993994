// One part of `bench/search.ts`, in a process of its own, so that its memory can be read from
// outside. Says its figures as one line of JSON.
//
//   node --import tsx bench/shared/search-part.ts build|query CORPUS HITS QUERIES
import { argv } from "node:process";
import { openStoredSearch } from "../../sandbox/index.ts";
import { zipfQueries } from "./zipf-corpus.ts";

const [part = "", corpus = "", hits = "", queries = ""] = argv.slice(2);
const startedMs = performance.now();
const search = await openStoredSearch({ corpus });
const openSeconds = (performance.now() - startedMs) / 1_000;
const milliseconds: number[] = [];
if (part === "query") {
  for (const query of zipfQueries(Number(queries))) {
    const askedMs = performance.now();
    await search.query(query, Number(hits));
    milliseconds.push(performance.now() - askedMs);
  }
}
await search.close();
milliseconds.sort((a, b) => a - b);
console.log(JSON.stringify({ openSeconds, milliseconds }));
