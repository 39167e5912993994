// Goal: what servers answer is read, whatever of it is missing.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { retrieverHits } from "../../sandbox/search/remote/retriever.ts";
import { serperHits } from "../../sandbox/search/remote/serper.ts";
import { passageCharsMax } from "../../sandbox/search/types.ts";

const test = suite("answers of search servers");

test("answers of Serper are read with whatever is missing", () => {
  const full = (json: unknown) =>
    serperHits(json, "full", "POST x").map(({ id, text }) => [id, text]);
  const reference = (json: unknown) =>
    serperHits(json, "reference", "POST x").map(({ text }) => text);
  const answer = {
    searchParameters: { q: "q" },
    answerBox: { title: "Lyon", answer: "1931", snippet: "It was 1931.", link: "https://a" },
    knowledgeGraph: { title: "Lyon", type: "City", description: "In France.", attributes: {} },
    organic: [
      { title: "One", link: "https://one", snippet: "First.", position: 1 },
      { title: "Two", link: "https://two" },
      { snippet: "Third." },
      { link: "https://four" },
      { title: null, link: 7, snippet: ["x"] },
      null,
      "text",
    ],
  };
  assert.equal(full(answer), [
    ["https://a", '"Lyon"\n1931 It was 1931.'],
    ["knowledge-graph", '"Lyon (City)"\nIn France.'],
    ["https://one", '"One"\nFirst.'],
    ["https://two", '"Two"'],
    ["page", "Third."],
  ]);
  assert.equal(reference(answer), ["First.", "Third."]);
  assert.equal(full({ answerBox: { answer: "42" } }), [["answer-box", "42"]]);
  assert.equal(reference({ answerBox: { answer: "42" } }), []);
  const nothing = [{ searchParameters: {} }, { organic: null }, { organic: {} }, { organic: [] }];
  for (const empty of nothing) assert.equal(full(empty), []);
  const long = full({ organic: [{ snippet: "x".repeat(99_999) }] });
  assert.is(long[0]?.[1]?.length, passageCharsMax);
});

test("answers of retrievers are read with and without scores, titles, ids", () => {
  const read = (list: unknown) =>
    retrieverHits({ result: [list] }, "POST x").map(({ id, text, score }) => [id, text, score]);
  assert.equal(read([{ document: { id: 7, contents: '"T"\nx' }, score: 0.5 }]), [
    ["7", '"T"\nx', 0.5],
  ]);
  assert.equal(read([{ id: "a", contents: "x" }]), [["a", "x", null]]);
  assert.equal(read([{ document: { title: "T", text: "x" } }]), [["hit-0", '"T"\nx', null]]);
  assert.equal(read([{ document: {} }, { document: { contents: 3 } }]), []);
  assert.equal(read([]), []);
});

test.run();
