// Goal: what was found once is found again without anybody being asked, and nothing else is.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RetryableError, TerminalError } from "../../events/index.ts";
import {
  createBm25Search,
  recordingSearch,
  replayingSearch,
  type Search,
  SearchMissError,
  SearchStore,
  SearchStoreError,
} from "../../sandbox/index.ts";
import { passages, searchContract } from "./search-contract.ts";

const test = suite<{ folder: string }>("recorded search");
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "varft-store-"));
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const hits = 5;

function open(path: string, write: boolean, more: { backEnd?: string; hits?: number } = {}) {
  return SearchStore.open({ path, backEnd: "bm25", hits, clock: () => 1_234, ...more }, write);
}

/** Search in memory that counts what it is asked. */
function counted(): { readonly search: Search; readonly asked: string[] } {
  const inner = createBm25Search(passages);
  const asked: string[] = [];
  const query: Search["query"] = async (text, count) => {
    asked.push(text);
    await new Promise((resolve) => setImmediate(resolve));
    return inner.query(text, count);
  };
  return { search: { query, close: () => inner.close() }, asked };
}

async function recording(path: string) {
  const { search, asked } = counted();
  return { search: recordingSearch(search, await open(path, true), hits), asked };
}

const replaying = async (path: string) => replayingSearch(await open(path, false), path);

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.unreachable("must fail"),
    (error: Error) => error,
  ) as Promise<Error>;
}

searchContract("recording", async (list) => {
  const folder = mkdtempSync(join(tmpdir(), "varft-store-"));
  const store = await open(join(folder, "store.jsonl"), true);
  return {
    search: recordingSearch(createBm25Search(list), store, hits),
    close: async () => rmSync(folder, { recursive: true }),
  };
});

test("equal queries are asked once, now, at once and in a later session", async ({ folder }) => {
  const path = join(folder, "once.jsonl");
  const first = await recording(path);
  await Promise.all(["Lyon", " Lyon ", "Lyon\n"].map((text) => first.search.query(text, 3)));
  const answer = await first.search.query("Lyon", 2);
  assert.equal(first.asked, ["Lyon"]);
  assert.equal(answer.observed, { backEnd: "store", source: "recorded" });
  await first.search.close();
  const second = await recording(path);
  assert.equal((await second.search.query("Lyon", 2)).hits, answer.hits);
  await second.search.query("dessert", 2);
  assert.equal(second.asked, ["dessert"]);
  await second.search.close();
});

test("a replay answers from the store alone, and a miss names the query", async ({ folder }) => {
  const path = join(folder, "replay.jsonl");
  const { search } = await recording(path);
  const live = await search.query("Lyon tower", 3);
  await search.query("quixotic", 3);
  await search.close();
  const replay = await replaying(path);
  assert.equal((await replay.query("Lyon  tower", 3)).hits, live.hits);
  assert.equal((await replay.query("quixotic", 3)).hits, []);
  assert.equal((await replay.query("?", 3)).hits, []);
  const thrown = await rejection(replay.query("the zephyr", 3));
  assert.instance(thrown, SearchMissError);
  assert.instance(thrown, TerminalError);
  assert.is(
    thrown.message,
    `${path} has no answer to "the zephyr"; record it with search.mode = "record"`,
  );
  await replay.close();
});

test("a failure is not recorded", async ({ folder }) => {
  const path = join(folder, "failure.jsonl");
  let fails = true;
  const inner = createBm25Search(passages);
  const query: Search["query"] = async (text, count) => {
    if (fails) throw new RetryableError("gone", "gone");
    return inner.query(text, count);
  };
  const search = recordingSearch({ query, close: async () => {} }, await open(path, true), hits);
  assert.instance(await rejection(search.query("Lyon", 1)), RetryableError);
  fails = false;
  assert.is((await search.query("Lyon", 1)).hits.length, 1);
  await search.close();
});

test("two runs may record into one store, and the first answer counts", async ({ folder }) => {
  const path = join(folder, "two.jsonl");
  const [one, other] = [await open(path, true), await open(path, true)];
  const hit = (text: string) => [{ id: "x", text, score: null }];
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? one : other).add(`query ${index}`, hit(`é ${"x".repeat(index * 100)}`)),
    ),
  );
  await one.add("shared", hit("first"));
  await other.add("shared", hit("second"));
  for (const store of [one, other, await open(path, false)]) {
    assert.equal(await store.find("shared"), hit("first"));
    await store.close();
  }
  const all = await open(path, false);
  assert.is(all.size, 21);
  for (let index = 0; index < 20; index++) {
    assert.equal(await all.find(`query ${index}`), hit(`é ${"x".repeat(index * 100)}`));
  }
  await all.close();
});

test("a line that a dying process left behind does not count, and is written over", async ({
  folder,
}) => {
  const path = join(folder, "torn.jsonl");
  const { search } = await recording(path);
  await search.query("Lyon", 1);
  await search.close();
  const whole = readFileSync(path, "utf8");
  appendFileSync(path, '{"query":"half');
  const replay = await replaying(path);
  assert.is((await replay.query("Lyon", 1)).hits.length, 1);
  await replay.close();
  const again = await recording(path);
  await again.search.query("dessert", 1);
  await again.search.close();
  const text = readFileSync(path, "utf8");
  assert.ok(text.startsWith(whole) && !text.includes("half"));
  const store = await open(path, false);
  assert.is(store.size, 2);
  await store.close();
});

test("what is no store, or another's, or was changed, is refused by name and line", async ({
  folder,
}) => {
  const path = join(folder, "refused.jsonl");
  const { search } = await recording(path);
  await search.query("Lyon", 1);
  await search.close();
  const whole = readFileSync(path, "utf8");
  const refusal = async (text: string, more = {}): Promise<string> => {
    writeFileSync(path, text);
    const thrown = await rejection(open(path, false, more));
    assert.instance(thrown, SearchStoreError);
    assert.ok(thrown.message.startsWith(path));
    return thrown.message;
  };
  assert.match(await refusal(""), "is no store of recorded answers");
  assert.match(await refusal("{}\n"), "is no store of recorded answers");
  assert.match(await refusal(whole.replace("1931", "1932")), "line 2 was changed after");
  assert.match(await refusal(`${whole}{}\n`), "line 3 is none of its lines");
  assert.match(await refusal(whole, { backEnd: "serper" }), "holds answers of bm25, not of serper");
  assert.match(
    await refusal(whole, { hits: 6 }),
    "holds 5 hits of each query, and search.hits is 6",
  );
  writeFileSync(path, whole);
  const fewer = await open(path, false, { hits: 2 });
  await fewer.close();
  const missing = await rejection(open(join(folder, "none.jsonl"), false));
  assert.instance(missing, SearchStoreError);
  assert.match(missing.message, "search.store names it");
});

test.run();
