import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CorpusError, createBm25Search, readCorpus } from "../../sandbox/index.ts";

const test = suite<{ folder: string }>("search");
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "varft-corpus-"));
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const documents = [
  { id: "a", text: "The Zephyr tower was opened in 1931 in Lyon." },
  { id: "b", text: "The Ardent tower was opened in 1954 in Turin." },
  { id: "c", text: "Lyon is a city. Lyon has towers and a river; Lyon is old." },
  { id: "d", text: "Crème brûlée is a dessert." },
];

test("the best hits come first, and no more than asked for", async () => {
  const search = createBm25Search(documents);
  const ids = async (text: string, count: number) =>
    (await search.query(text, count)).map(({ id }) => id);
  assert.equal(await ids("when was the zephyr tower opened", 1), ["a"]);
  assert.equal((await ids("Lyon", 5))[0], "c");
  assert.equal(await ids("creme BRULEE", 5), ["d"]);
  assert.equal(await ids("", 5), []);
  assert.equal(await ids("quixotic", 5), []);
});

test("scores follow the formula: rare words weigh more, long texts less", async () => {
  const search = createBm25Search([
    { id: "long", text: `rare ${"filler ".repeat(50)}` },
    { id: "short", text: "rare filler" },
    { id: "common", text: "filler filler filler" },
  ]);
  const hits = await search.query("rare filler", 3);
  assert.equal(
    hits.map(({ id }) => id),
    ["short", "long", "common"],
  );
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
