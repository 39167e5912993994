// Goal: the reference's metrics come out as its own code computes them, quirk by quirk, and the
// corrected ones do what a person expects.
// Method: Python's results on tricky text (tests/reference/metrics.py), and
// properties over random texts.
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exactMatch, f1, type MetricRules, metricRules, normalize } from "../../tasks/index.ts";

const test = suite("tasks/metrics");
const { referenceCoding, referenceSearch, referenceTraining } = metricRules;

const seed = 20251122;
const numRuns = 2_000;

type Scores = readonly [em: number, f1: number];
type Case = readonly [
  answer: string,
  golds: readonly string[],
  coding: Scores,
  search: Scores,
  training: Scores,
];

const scores = (answer: string | null, golds: readonly string[], rules: MetricRules): Scores => [
  exactMatch(answer, golds, rules),
  f1(answer, golds, rules),
];

/** Texts of words, articles, signs and blanks in several scripts. */
const word = fc.constantFrom(
  ..."a|an|the|A|New York|España|cafe\u0301|x²|70°|0.24|软件|工程|2021年|カタカナ|한국|ﬁ|．|％|—".split(
    "|",
  ),
  ..." |  |\n|\\n|\\neq|'|-|$|<|>|_|\u00a0|\u3000".split("|"),
);
const text = fc.oneof(
  fc.array(word, { maxLength: 8 }).map((words) => words.join("")),
  fc.array(word, { maxLength: 8 }).map((words) => words.join(" ")),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);
const presets = Object.values(metricRules);
const rules = fc.constantFrom(...presets);

test("the reference's figures are those of Python, to the last bit", async () => {
  const file = new URL("../fixtures/metrics.json", import.meta.url);
  const { cases } = JSON.parse(await readFile(file, "utf8")) as { readonly cases: readonly Case[] };
  assert.ok(cases.length > 100);
  for (const [answer, golds, coding, search, training] of cases) {
    const said = JSON.stringify([answer, golds]);
    assert.equal(scores(answer, golds, referenceCoding), coding, `coding: ${said}`);
    assert.equal(scores(answer, golds, referenceSearch), search, `search: ${said}`);
    assert.is(f1(answer, golds, referenceTraining), training[1], `training: ${said}`);
  }
});

test("each quirk of the reference has a rule of its own", () => {
  const differ = (
    answer: string,
    gold: string,
    rule: Partial<MetricRules>,
    preset: MetricRules,
  ) => {
    return [f1(answer, [gold], preset), f1(answer, [gold], { ...preset, ...rule })];
  };
  assert.equal(differ("b b c", "b b d", { overlap: "multiset" }, referenceSearch), [1 / 3, 2 / 3]);
  assert.equal(differ("A", "A", { bareText: "kept" }, referenceTraining), [0, 1]);
  assert.equal(differ("the", "A", { bareText: "kept" }, referenceSearch), [1, 0]);
  assert.equal(differ("１％", "1", { punctuation: "unicode" }, referenceCoding), [0, 1]);
  assert.equal(differ("a\nb", "a\\nb", { escapedNewlines: "newlines" }, referenceSearch), [0, 0]);
  assert.equal(
    differ("SIZE 3", "SIZE\\n3", { escapedNewlines: "newlines" }, referenceCoding),
    [0, 1],
  );
  assert.equal(differ("软件工程", "软件\n工程", { cjk: "characters" }, referenceSearch), [0, 1]);
  const twice = { exactMatchIsF1: true };
  assert.equal(differ("x x", "x x", twice, referenceTraining), [0.5, 1]);
});

test("the corrected metrics read text as a person does", () => {
  const equal: readonly (readonly [answer: string, gold: string])[] = [
    ["The 7 K.", "7 k"],
    ["70 °", "70 °"],
    ["1939–1945", "1939-1945"],
    ["159 km²", "159 km2"],
    ["２０２１年", "2021 年"],
    ["咨询费。", "咨询费"],
    ["TRAFFIC FINES DOUBLED", "TRAFFIC\\nFINES\\nDOUBLED"],
    ["A", "a."],
    ["?", "?"],
    ["caf\u00e9", "cafe\u0301"],
  ];
  for (const [answer, gold] of equal) assert.is(exactMatch(answer, [gold]), 1, `${answer} ${gold}`);
  const different: readonly (readonly [answer: string, gold: string])[] = [
    ["the", "A"],
    ["", "A"],
    ["?", "!"],
    ["\\neq", "eq"],
    ["Espan", "España"],
  ];
  for (const [answer, gold] of different)
    assert.is(exactMatch(answer, [gold]), 0, `${answer} ${gold}`);
  assert.is(f1("折旧和摊销", ["折旧及摊销"]), 0.8);
  assert.is(f1("Wikiquote 草稿", ["Wikiquote 存根"]), 1 / 3);
});

test("an answer that was not given scores nothing", () => {
  for (const preset of presets) assert.equal(scores(null, ["", "A"], preset), [0, 0]);
});

test("both metrics lie in 0–1 and are the same the other way round", () => {
  fc.assert(
    fc.property(text, text, rules, (a, b, preset) => {
      const [em, overlap] = scores(a, [b], preset);
      assert.ok(em === 0 || em === 1);
      assert.ok(overlap >= 0 && overlap <= 1, String(overlap));
      assert.equal(scores(b, [a], preset), [em, overlap]);
    }),
    { seed, numRuns },
  );
});

test("an exact match has F1 1, but for the training reward", () => {
  const others = presets.filter(({ exactMatchIsF1 }) => exactMatchIsF1);
  fc.assert(
    fc.property(text, text, fc.constantFrom(...others), (a, b, preset) => {
      assert.equal(scores(a, [b, a], preset), [1, 1]);
    }),
    { seed, numRuns },
  );
});

test("a full F1 is an exact match of the words in some order", () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const sorted = (one: string) => normalize(one).split(" ").sort().join(" ");
      assert.is(f1(a, [b]) === 1, sorted(a) === sorted(b));
    }),
    { seed, numRuns, examples: [["York New", "new york"]] },
  );
});

test("more golds never lower a score, and their order does not matter", () => {
  fc.assert(
    fc.property(
      text,
      fc.array(text, { minLength: 1, maxLength: 3 }),
      text,
      rules,
      (a, golds, more, preset) => {
        const [em, overlap] = scores(a, golds, preset);
        const [emMore, overlapMore] = scores(a, [more, ...golds], preset);
        assert.ok(emMore >= em && overlapMore >= overlap);
        assert.equal(scores(a, [...golds, more], preset), [emMore, overlapMore]);
      },
    ),
    { seed, numRuns },
  );
});

test("what is normalised stays as it is, by the corrected rules", () => {
  fc.assert(
    fc.property(text, (a) => {
      assert.is(normalize(normalize(a)), normalize(a));
    }),
    { seed, numRuns },
  );
});

test.run();
