// Goal: search on the disk gives what search in memory gives, to the last bit, and its index is
// always that of the corpus as it is.
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import {
  CorpusError,
  createBm25Search,
  IndexError,
  openStoredSearch,
  type Passage,
} from "../../sandbox/index.ts";
import { ByteReader, ByteWriter } from "../../sandbox/search/stored/bytes.ts";
import { lookUp, PostingWriter } from "../../sandbox/search/stored/postings.ts";
import { mergeRuns, RunWriter } from "../../sandbox/search/stored/runs.ts";
import { searchContract } from "./search-contract.ts";

const seed = 5;
const test = suite<{ folder: string }>(`search on the disk (seed ${seed})`);
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "varft-index-"));
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const linesOf = (passages: readonly Passage[]) =>
  passages.map(({ id, text }) => `${JSON.stringify({ id, contents: text })}\n`).join("");

async function corpusFile(folder: string, name: string, list: readonly Passage[]): Promise<string> {
  const path = join(folder, `${name}.jsonl`);
  await writeFile(path, linesOf(list));
  return path;
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => assert.unreachable("must fail"),
    (error: Error) => error,
  ) as Promise<Error>;
}

searchContract("on the disk", async (passages) => {
  const folder = mkdtempSync(join(tmpdir(), "varft-index-"));
  const corpus = await corpusFile(folder, "corpus", passages);
  return {
    search: await openStoredSearch({ corpus }),
    close: async () => rmSync(folder, { recursive: true }),
  };
});

/** Words by Zipf's law: the first stands in nearly every passage, most in few. */
function zipfPassages(random: RandomStream, count: number, vocabulary: number): Passage[] {
  const word = () => `w${Math.floor(vocabulary ** random.uniform())}`;
  return Array.from({ length: count }, (_, index) => ({
    id: `p${random.integer(1_000_000)}-${index}`,
    text: Array.from({ length: 1 + random.integer(60) }, word).join(" "),
  }));
}

test("hits, order and scores are those of search in memory, bit by bit", async ({ folder }) => {
  for (const [round, count, vocabulary] of [
    [0, 1, 5],
    [1, 40, 8],
    [2, 3_000, 900],
    // Few words: many ties, and lists of many blocks.
    [3, 2_000, 6],
  ] as const) {
    const random = new RandomStream(seed, "zipf", round);
    const passages = zipfPassages(random, count, vocabulary);
    const memory = createBm25Search(passages);
    const corpus = await corpusFile(folder, `zipf-${round}`, passages);
    const stored = await openStoredSearch({ corpus });
    for (let query = 0; query < 25; query++) {
      const words = Array.from(
        { length: 1 + random.integer(6) },
        () => `w${Math.floor((vocabulary * 1.2) ** random.uniform())}`,
      );
      const text = words.join(" ");
      for (const hits of query % 5 === 0 ? [1, 3, 20, 5_000] : [1, 4]) {
        assert.equal(await stored.query(text, hits), await memory.query(text, hits), text);
      }
    }
    await stored.close();
  }
});

test("a corpus of no passage, and passages of no token, have no hits", async ({ folder }) => {
  for (const [name, list] of [
    ["empty", []],
    ["signs", [{ id: "a", text: "?!" }]],
  ] as const) {
    const stored = await openStoredSearch({ corpus: await corpusFile(folder, name, list) });
    assert.equal((await stored.query("anything", 3)).hits, []);
    await stored.close();
  }
});

test("the index is made once, and anew when the corpus has changed", async ({ folder }) => {
  const corpus = await corpusFile(folder, "changing", [{ id: "a", text: "one fact" }]);
  let builds = 0;
  const open = () =>
    openStoredSearch({
      corpus,
      onProgress: (share) => {
        if (share === 1) builds += 1;
      },
    });
  for (const [expected, ids] of [
    [1, ["a"]],
    [1, ["a"]],
  ] as const) {
    const search = await open();
    assert.equal(
      [builds, (await search.query("fact", 9)).hits.map(({ id }) => id)],
      [expected, ids],
    );
    await search.close();
  }
  // The same size and the same time: only the bytes tell.
  const { mtime } = statSync(corpus);
  await writeFile(corpus, linesOf([{ id: "a", text: "two fact" }]));
  await utimes(corpus, mtime, mtime);
  const search = await open();
  assert.equal([builds, (await search.query("two", 9)).hits.length], [2, 1]);
  // And while it is in use it must not change.
  appendFileSync(corpus, linesOf([{ id: "b", text: "late fact" }]));
  assert.instance(await rejection(search.query("fact", 9)), CorpusError);
  await search.close();
  assert.equal(
    readdirSync(folder)
      .filter((name) => name.startsWith("changing"))
      .sort(),
    ["changing.jsonl", "changing.jsonl.bm25"],
  );
});

test("a torn index is made anew, and a half-made one of a dead process is removed", async ({
  folder,
}) => {
  const corpus = await corpusFile(folder, "torn", [{ id: "a", text: "one fact" }]);
  const index = join(folder, "elsewhere", "torn");
  await mkdir(join(folder, "elsewhere"));
  const use = async () => {
    const search = await openStoredSearch({ corpus, index });
    assert.is((await search.query("fact", 1)).hits.length, 1);
    await search.close();
  };
  await use();
  for (const [name, bytes] of [
    ["postings.bin", ""],
    ["index.json", '{"format":"varft-bm25","version":0}'],
    ["index.json", "{"],
  ] as const) {
    await writeFile(join(index, name), bytes);
    await use();
  }
  assert.not.ok(existsSync(`${corpus}.bm25`));
});

test("bad lines and repeated ids are named, and no index is left behind", async ({ folder }) => {
  const repeated = linesOf([
    { id: "a", text: "x" },
    { id: "b", text: "x" },
    { id: "a", text: "y" },
  ]);
  for (const [text, words] of [
    ['{"id":"a","contents":"one"}\n{\n', ":2: not JSON"],
    ['{"id":"a"}', ':1: expected {"id": string, "contents": string}'],
    [repeated, ':3: id "a" stands in line 1 already'],
  ] as const) {
    const corpus = join(folder, "bad.jsonl");
    await writeFile(corpus, text);
    const error = await rejection(openStoredSearch({ corpus }));
    assert.instance(error, CorpusError);
    assert.ok(error.message.endsWith(words), error.message);
    assert.equal(
      readdirSync(folder).filter((name) => name.startsWith("bad")),
      ["bad.jsonl"],
    );
  }
});

test("a folder that cannot be written is named with the key that mends it", async ({ folder }) => {
  const corpus = await corpusFile(folder, "locked", [{ id: "a", text: "x" }]);
  const error = await rejection(
    openStoredSearch({ corpus, index: join(corpus, "below", "a-file") }),
  );
  assert.instance(error, IndexError);
  assert.match(error.message, "name another folder as search.index");
});

test("making an index can be ended", async ({ folder }) => {
  const corpus = await corpusFile(folder, "ended", [{ id: "a", text: "x" }]);
  const signal = AbortSignal.abort(new RangeError("enough"));
  assert.instance(await rejection(openStoredSearch({ corpus, signal })), RangeError);
});

test("numbers take as many bytes as they need, and come back", () => {
  const number = fc.oneof(
    fc.nat(300),
    fc.maxSafeNat().map((value) => value % 2 ** 42),
  );
  fc.assert(
    fc.property(fc.array(number), (values) => {
      const writer = new ByteWriter(1);
      for (const value of values) writer.number(value);
      const reader = new ByteReader(writer.written);
      assert.equal(
        values.map(() => reader.number()),
        values,
      );
      assert.is(reader.position, writer.length);
    }),
    { seed },
  );
});

test("documents are found in a list wherever its blocks end", () => {
  const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 })), {
    maxLength: 700,
    size: "max",
  });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 50 }), (list, stride) => {
      const frequencies = new Map<number, number>();
      const writer = new PostingWriter();
      let document = -1;
      for (const [gap, frequency] of list) {
        document += gap;
        frequencies.set(document, frequency);
        writer.add(document, frequency);
      }
      const bytes = Buffer.from(writer.finish());
      const wanted = Uint32Array.from(
        { length: Math.ceil((document + 20) / stride) },
        (_, index) => index * stride,
      );
      const found: number[] = Array(wanted.length).fill(0);
      lookUp({ bytes, count: list.length }, wanted, (index, frequency) => {
        found[index] = frequency;
      });
      assert.equal(
        found,
        [...wanted].map((one) => frequencies.get(one) ?? 0),
      );
    }),
    { seed, numRuns: 200 },
  );
});

test("runs are merged in the order of keys, with payloads in the order of runs", async ({
  folder,
}) => {
  const key = fc.string({ unit: "grapheme", maxLength: 3 });
  const runs = fc.array(fc.uniqueArray(key, { maxLength: 30 }), { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(runs, async (keys) => {
    const expected = new Map<string, number[]>();
    const paths = keys.map((list, index) => {
      const path = join(folder, `${index}.run`);
      const run = new RunWriter(path);
      for (const one of [...list].sort()) run.add(one, Uint8Array.of(index));
      run.close();
      for (const one of list) expected.set(one, [...(expected.get(one) ?? []), index]);
      return path;
    });
    const merged: [string, number[]][] = [];
    await mergeRuns(paths, (one, payloads) => {
      merged.push([one, payloads.map(([byte = -1]) => byte)]);
    });
    const order = [...expected.keys()].sort();
    assert.equal(
      merged,
      order.map((one) => [one, expected.get(one)]),
    );
  });
  await fc.assert(property, { seed, numRuns: 50 });
});

test.run();
