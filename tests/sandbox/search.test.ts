import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CorpusError, createBm25Search, normalizeQuery, readCorpus } from "../../sandbox/index.ts";
import { queryCharsMax, tokenize } from "../../sandbox/search/tokens.ts";
import { searchContract } from "./search-contract.ts";

const test = suite<{ folder: string }>("search");
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "varft-corpus-"));
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

searchContract("in memory", async (passages) => ({
  search: createBm25Search(passages),
  async close() {},
}));

test("scores follow the formula: rare words weigh more, long texts less", async () => {
  const search = createBm25Search([
    { id: "long", text: `rare ${"filler ".repeat(50)}` },
    { id: "short", text: "rare filler" },
    { id: "common", text: "filler filler filler" },
  ]);
  const { hits } = await search.query("rare filler", 3);
  assert.equal(
    hits.map(({ id }) => id),
    ["short", "long", "common"],
  );
  // By hand: N = 3, lengths 51, 2, 3 (average 56/3), n(rare) = 2, n(filler) = 3.
  const norm = 1.2 * (0.25 + (0.75 * 2) / (56 / 3));
  const expected = ((Math.log(1 + 1.5 / 2.5) + Math.log(1 + 0.5 / 3.5)) * 2.2) / (1 + norm);
  assert.ok(Math.abs((hits[0]?.score ?? 0) - expected) < 1e-12);
});

test("ties are ordered by id, whatever the order of the corpus", async () => {
  const text = fc.constantFrom("red", "blue", "red blue", "blue red", "green");
  const property = fc.asyncProperty(
    fc.array(text, { minLength: 1 }),
    fc.nat(),
    async (texts, k) => {
      const list = texts.map((content, index) => ({ id: `d${index}`, text: content }));
      const turned = [...list.slice(k % list.length), ...list.slice(0, k % list.length)];
      const [one, other] = [createBm25Search(list), createBm25Search(turned)];
      assert.equal(await one.query("red blue", 100), await other.query("red blue", 100));
    },
  );
  await fc.assert(property, { seed: 11 });
});

test("text in ASCII has the same tokens without the way through Unicode", () => {
  const unicode = (text: string) => tokenize(`${text} é`).slice(0, -1);
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii" }), (text) => {
      assert.equal([...tokenize(text)], unicode(text));
    }),
    { seed: 12 },
  );
});

test("queries that differ in blanks and composition alone are one query", () => {
  assert.is(normalizeQuery("  who\n\tis\u00a0 Jos\u0065\u0301?\u200b "), "who is José?");
  assert.is(normalizeQuery("Who is"), "Who is");
  for (const empty of ["", "?!", "\ud800", "\u0000"]) assert.is(normalizeQuery(empty), "");
  const long = normalizeQuery(`${"a".repeat(queryCharsMax - 1)}😀`);
  assert.is(long, "a".repeat(queryCharsMax - 1));
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = normalizeQuery(text);
      assert.is(normalizeQuery(once), once);
    }),
    { seed: 13, numRuns: 500 },
  );
});

test("a corpus is read line by line", async ({ folder }) => {
  const path = join(folder, "good.jsonl");
  writeFileSync(path, '{"id":"a","contents":"one"}\r\n\n{"id":7,"contents":"two","title":"x"}\n');
  assert.equal(await readCorpus(path), [
    { id: "a", text: "one" },
    { id: "7", text: "two" },
  ]);
});

test("a malformed line is named with file and line", async ({ folder }) => {
  const bad = ["{", "[]", '{"id":"b"}', '{"id":"b","contents":""}', '{"id":"a","contents":"x"}'];
  for (const line of bad) {
    const path = join(folder, "bad.jsonl");
    writeFileSync(path, `{"id":"a","contents":"one"}\n${line}\n`);
    const thrown = await readCorpus(path).catch((error) => error);
    assert.instance(thrown, CorpusError);
    assert.ok(thrown.message.startsWith(`${path}:2: `), thrown.message);
  }
  const missing = await readCorpus(join(folder, "none.jsonl")).catch((error) => error);
  assert.instance(missing, CorpusError);
});

test.run();
