// Goal: a run's search is the one that its configuration names; what is wrong about it is told
// before the run begins, and the key is in nothing that is written or said.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Closers } from "../../../cli/session/closers.ts";
import { openSearch } from "../../../cli/session/search.ts";
import { parseRunConfig } from "../../../config/index.ts";
import { type Search, SearchKeyError, SearchMissError } from "../../../sandbox/index.ts";
import { miniCorpus } from "../../../tasks/index.ts";
import { passages } from "../../sandbox/search-contract.ts";
import { TestSearchServer, testKey } from "../../sandbox/search-server.ts";

const test = suite<{ folder: string }>("cli/search of a session");
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "varft-session-"));
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const quickstart = await readFile("config/quickstart.toml", "utf8");
const before = '[search]\ntype = "bm25"\ncorpus = "mini"\nhits = 1\n';

interface Opened {
  readonly search: Search;
  readonly said: readonly string[];
}

/** Opens the search of `section`, uses it, and closes it. */
async function withSearch<T>(
  section: string,
  directory: string,
  use: (opened: Opened) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  assert.ok(quickstart.includes(before));
  const text = quickstart.replace(before, `[search]\n${section}\n`);
  const config = parseRunConfig({ file: "a.toml", text });
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const session = { run: "r", directory, config, env, say, clock: () => 7, onEvent: () => {} };
  const closers = new Closers();
  try {
    const search = await openSearch(session, closers, new AbortController().signal);
    return await use({ search, said });
  } finally {
    await closers.close();
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.unreachable("must fail"),
    (error: Error) => error,
  ) as Promise<Error>;
}

const serperAt = (url: string, more = "") =>
  `type = "serper"\nhits = 2\nqueries_max = 3\nqueries_per_second = 1000\nurl = "${url}"\n${more}`;

test("Serper: recorded once, replayed without a key, a server or a query", async ({ folder }) => {
  const server = new TestSearchServer("serper", passages);
  const url = await server.open();
  const store = join(folder, "store.jsonl");
  const env = { SERPER_API_KEY: `${testKey}\n` };
  const record = serperAt(url, `mode = "record"\nstore = "${store}"`);
  const live = await withSearch(
    record,
    folder,
    async ({ search }) => {
      await search.query("Lyon", 2);
      return search.query(" Lyon", 2);
    },
    env,
  );
  assert.is(server.requests.length, 1);
  assert.is(readFileSync(join(folder, "search-queries"), "utf8"), "1\n");
  // The count goes on with the run.
  await withSearch(record, folder, ({ search }) => search.query("dessert", 2), env);
  assert.is(readFileSync(join(folder, "search-queries"), "utf8"), "2\n");
  await server.close();
  const replay = record.replace('"record"', '"replay"');
  await withSearch(replay, folder, async ({ search, said }) => {
    assert.equal((await search.query("Lyon", 2)).hits, live.hits);
    assert.equal(said, [`search answers from ${store}, 2 queries`]);
    assert.instance(await rejection(search.query("elsewhere", 2)), SearchMissError);
  });
  const other = await rejection(
    withSearch(`${replay}\nresults = "reference"`, folder, async () => {}),
  );
  assert.match(other.message, "holds answers of serper full country=any language=any, not of");
  for (const name of readdirSync(folder)) {
    assert.not.ok(readFileSync(join(folder, name), "utf8").includes(testKey), name);
  }
});

test("a key that is not set, or is none, is told by the variable's name alone", async ({
  folder,
}) => {
  const section = serperAt("http://127.0.0.1:9/search", 'api_key_variable = "MY_KEY"');
  for (const [env, words] of [
    [{}, "MY_KEY is not set"],
    [{ MY_KEY: " " }, "MY_KEY is not set"],
    [{ MY_KEY: "secret words\u0007" }, "MY_KEY holds characters that no key has"],
  ] as const) {
    const thrown = await rejection(withSearch(section, folder, async () => {}, env));
    assert.instance(thrown, SearchKeyError);
    assert.match(thrown.message, words);
    assert.not.match(inspect(thrown), "secret");
  }
});

test("a retriever is asked before the run begins, with its token where it has one", async ({
  folder,
}) => {
  const server = new TestSearchServer("retriever", passages);
  const url = await server.open();
  const section = `type = "http"\nhits = 2\nattempts_max = 1\nurl = "${url}"`;
  const hits = await withSearch(
    `${section}\napi_key_variable = "TOKEN"`,
    folder,
    async ({ search }) => (await search.query("Lyon", 1)).hits,
    { TOKEN: "t-1" },
  );
  assert.is(hits[0]?.id, "c");
  assert.equal(
    server.requests.map(({ headers }) => headers.authorization),
    ["Bearer t-1", "Bearer t-1"],
  );
  await server.close();
  const thrown = await rejection(withSearch(section, folder, async () => {}));
  assert.match(thrown.message, `POST ${url}: connection refused; start the server`);
});

test("a corpus is recorded with its hash, and replayed without it", async ({ folder }) => {
  const corpus = join(folder, "corpus.jsonl");
  const store = join(folder, "corpus-store.jsonl");
  writeFileSync(corpus, '{"id":"a","contents":"one fact"}\n');
  const section = `type = "bm25"\nhits = 2\ncorpus = "${corpus}"\nstore = "${store}"\nmode = `;
  const ask = ({ search }: Opened) => search.query("fact", 1);
  const live = await withSearch(`${section}"record"`, folder, ask);
  writeFileSync(corpus, '{"id":"b","contents":"another fact"}\n');
  const thrown = await rejection(withSearch(`${section}"record"`, folder, ask));
  assert.match(thrown.message, /holds answers of bm25 sha256:\w+, not of bm25 sha256:/);
  rmSync(corpus);
  assert.equal((await withSearch(`${section}"replay"`, folder, ask)).hits, live.hits);
});

test("the mini benchmark's facts need no file", async ({ folder }) => {
  await withSearch('type = "bm25"\ncorpus = "mini"\nhits = 1', folder, async ({ search }) => {
    const [{ id, contents } = { id: "", contents: "" }] = miniCorpus();
    assert.is((await search.query(contents, 1)).hits[0]?.id, id);
  });
});

test.run();
