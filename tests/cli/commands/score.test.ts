// Goal: `varft score` tells people and scripts what a file of predictions is worth, both ways, and
// two files apart; bad input ends in one paragraph that names file, item and field.
// Method: small files of our own in the published layouts.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/score");
let folder = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-score-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, content: unknown): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content, null, 4));
  return file;
}

async function json(...words: readonly string[]) {
  const { code, out, err } = await varft("score", ...words, "--json");
  assert.equal([code, err], [0, ""]);
  return JSON.parse(out);
}

/** Two simple items, a pair and two crops: the last crop's gold has letters for a line break. */
const coding = [
  { id: 1, gt: ["A"], pred_answer: "A" },
  { id: 62, gt: ["b b c"], pred_answer: "b b d" },
  { id: 71, gt: ["咨询费"], pred_answer: null },
  { id: 111, gt: ["7 K"], pred_answer: "" },
  { id: 200, gt: ["SIZE\\n3"], pred_answer: "Size 3" },
];

const questions = (right: readonly boolean[]) =>
  right.map((isRight, index) => ({
    pred_answer: isRight ? `answer ${index}` : "other",
    gt: [`answer ${index}`],
    query: `question ${index}`,
  }));

test("JSON has the stable keys, in percent, and the other mode beside", async () => {
  const file = await write("coding.json", coding);
  const score = await json(file, "--format", "visual-arft-coding");
  assert.equal(
    [score.n, score.mode, score.format, score.benchmark, score.seed],
    [5, "corrected", "visual-arft-coding", "mat-coding", 0],
  );
  assert.equal([score.f1.toFixed(9), score.em], ["53.333333333", 40]);
  assert.equal([score.reference.f1.toFixed(9), score.reference.em], ["26.666666667", 20]);
  assert.equal([score.unanswered, score.unansweredItems], [40, 2]);
  assert.equal(score.unansweredCauses, { "not recorded": 1, empty: 1 });
  const { simple, hard } = score.splits;
  assert.equal([simple.n, simple.em, hard.n, hard.em], [2, 50, 3, 100 / 3]);
  assert.equal(Object.keys(score.kinds), ["rotation90", "none", "pairs", "crop"]);
  assert.is(score.missing.length, 195);
  assert.equal(score.rulesAlone.escapedNewlines, { f1: 20, em: 20 });
  const reference = await json(file, "--mode", "reference");
  assert.equal([reference.f1, reference.em], [score.reference.f1, score.reference.em]);
  assert.equal([reference.corrected.f1, reference.corrected.em], [score.f1, score.em]);
});

test("intervals hold the figure and follow the seed", async () => {
  const file = await write("some.json", questions(Array.from({ length: 40 }, (_, i) => i % 3 > 0)));
  const [first, again, other] = [
    await json(file),
    await json(file, "--seed", "0"),
    await json(file, "--seed", "1"),
  ];
  assert.equal(again, first);
  const [low, high] = first.emInterval;
  assert.ok(0 <= low && low < first.em && first.em < high && high <= 100);
  assert.is(other.em, first.em);
  assert.not.equal(other.f1Interval, first.f1Interval);
});

test("two files are paired by question, whatever their order", async () => {
  const right = [true, true, true, true, true, true, false, false, true, true, true];
  const first = await write("first.json", questions(right));
  const others = questions(right.map((_, index) => index === 6)).reverse();
  const second = await write("second.json", others.slice(1));
  const { compare } = await json(first, "--compare", second);
  // Eight right in the first alone, one in the second alone: 2 · (1 + 9) / 2^9.
  assert.equal([compare.n, compare.onlyFirst, compare.onlySecond], [10, 8, 1]);
  assert.ok(Math.abs(compare.em.p - 20 / 512) < 1e-12);
  assert.equal([compare.em.first, compare.em.second, compare.em.difference], [80, 10, -70]);
  assert.is(compare.em.test, "mcnemar-exact");
  assert.equal([compare.onlyInFirst, compare.onlyInSecond], [["question 10"], []]);
  assert.is(compare.differing.length, 9);
  assert.equal(compare.differing[6], {
    key: "question 6",
    query: "question 6",
    golds: ["answer 6"],
    first: { item: 7, answer: "other", f1: 0, em: 0 },
    second: { item: 4, answer: "answer 6", f1: 100, em: 100 },
  });
  const same = await json(first, "--compare", first);
  assert.equal([same.compare.em.p, same.compare.f1.p, same.compare.differing], [1, 1, []]);
});

test("files that are not of the same items are not compared", async () => {
  const first = await write("one.json", questions([true, false]));
  const other = [{ ...questions([true])[0], query: "another" }];
  const changed = [{ ...questions([true])[0], gt: ["something"] }];
  const cases: readonly (readonly [content: unknown, named: string])[] = [
    [other, "have no item in common (questions)"],
    [coding, "have no item in common (questions against ids)"],
    [
      changed,
      'item 1 of the first and item 1 of the second are the same by name, but differ in field "gt"',
    ],
  ];
  for (const [content, named] of cases) {
    const { code, out, err } = await varft(
      "score",
      first,
      "--compare",
      await write("b.json", content),
    );
    assert.equal([code, out], [1, ""]);
    assert.ok(err.includes(named) && err.includes("one.json") && err.includes("b.json"), err);
  }
});

test("the table fits 80 columns and shows both ways", async () => {
  const file = await write("table.json", coding);
  const second = coding.map((row) => ({ ...row, pred_answer: "7 K" }));
  const { code, out } = await varft("score", file, "--compare", await write("other.json", second));
  assert.is(code, 0);
  const lines = out.split("\n");
  const wide = lines.filter((line) => line.length > 80 && !line.includes(folder));
  assert.equal(wide, []);
  assert.match(out, /corrected +reference\n +n +F1 +EM +F1 +EM\n {2}all +5 +53\.33 \[/);
  assert.match(out, "Without an answer: 2 of 5 (40.00 %): not recorded 1, empty 1");
  assert.match(out, /Not in the file, not counted: 195 of 200 \(ids 2, 3, 4, 5, 6 and 190 more\)/);
  assert.match(out, /escapedNewlines +\+20\.00 +\+20\.00/);
  assert.match(out, /all +5 +F1 +53\.33 +20\.00 +−33\.33 +\[/);
  assert.match(out, "seed 0");
});

test("named pairs are told one by one and together", async () => {
  const rows = [
    { ...coding[0], id: 71, type: ["rotation90", "dark"] },
    { ...coding[0], id: 72, type: ["rotation180", "blur"], pred_answer: "B" },
    { ...coding[0], id: 73 },
  ];
  const { kinds } = await json(await write("pairs.json", rows));
  assert.equal(Object.keys(kinds), ["rotation90+dark", "rotation180+blur", "pairs"]);
  assert.equal([kinds.pairs.n, kinds["rotation90+dark"].em], [3, 100]);
});

test("words of a file cannot steer the terminal", async () => {
  const row = { ...coding[2], type: "\u001b[31mred", cause: "\u001b]0;title\u0007" };
  const { out } = await varft("score", await write("hostile.json", [row]));
  assert.not.match(out, "\u001b");
  assert.match(out, "[31mred");
});

test("an answer that repeats the item before is pointed out", async () => {
  const rows = [
    { id: 69, gt: ["NaI"], pred_answer: "RCl + NaI" },
    { id: 70, gt: ["10/30/98"], pred_answer: "RCl + NaI" },
  ];
  const file = await write("repeated.json", rows);
  assert.equal((await json(file)).repeated, ["70"]);
  const { out } = await varft("score", file);
  assert.match(out, "The answer of the item before, word by word: 1 (ids 70)");
});

test("bad input is told in one paragraph", async () => {
  const file = await write("bad.json", [...coding, { id: 3, gt: ["x"] }]);
  const bad = await varft("score", file);
  assert.equal([bad.code, bad.out], [1, ""]);
  for (const part of ["bad.json", "1 of 6 rows is bad", 'item 6 (line 37): field "pred_answer"']) {
    assert.ok(bad.err.includes(part), bad.err);
  }
  assert.not.match(bad.err, "VARFT_DEBUG");
  const allowed = await json(file, "--allow-bad-rows");
  assert.equal([allowed.n, allowed.badRows.length, allowed.badRows[0].item], [5, 1, 6]);
  assert.match((await varft("score", file, "--allow-bad-rows")).out, "left out: 1 (items 6)");
  const gone = await varft("score", join(folder, "nowhere.json"));
  assert.is(gone.code, 1);
  assert.match(gone.err, "cannot read the predictions");
});

test("wrong words end with code 2", async () => {
  const file = await write("words.json", coding);
  const cases: readonly (readonly [words: readonly string[], named: string])[] = [
    [[], "varft score needs FILE"],
    [[file, "--format", "csv"], '--format is visual-arft-coding or visual-arft-search, not "csv"'],
    [[file, "--mode", "exact"], '--mode is corrected or reference, not "exact"'],
    [[file, "--seed", "-1"], "--seed"],
    [[file, "more"], 'takes no "more"'],
  ];
  for (const [words, named] of cases) {
    const { code, out, err } = await varft("score", ...words);
    assert.equal([code, out], [2, ""], err);
    assert.ok(err.includes(named), err);
  }
  assert.match((await varft("score", "--help")).out, "varft score new.json --format");
});

test.run();
