// Goal: prediction files of all published layouts are read; what is bad is named by file, item and
// field; what has no answer says why.
// Method: small files of our own in the published layouts, spoilt in one place at a time, and
// random JSON.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VarftError } from "../../events/index.ts";
import {
  answerIn,
  DatasetRowError,
  PredictionFileError,
  type PredictionFormat,
  readPredictions,
} from "../../tasks/index.ts";
import { raises } from "../model-input/raises.ts";

const test = suite("tasks/predictions");
const file = "p.json";

interface Options {
  readonly format?: PredictionFormat;
  readonly allowBadRows?: boolean;
}

const readText = (text: string, { format, allowBadRows = false }: Options = {}) =>
  readPredictions(file, text, { format: format ?? null, allowBadRows });
const read = (rows: readonly unknown[], options?: Options) =>
  readText(JSON.stringify(rows, null, 4), options);

const coding = (id: number) => ({ id, gt: ["7 K"], pred_answer: "7 K" });
const search = (index: number) => ({ pred_answer: "Yes", gt: "No", query: `q${index}` });
const textual = (index: number) => ({ pred_answer: null, gt: ["a", "b"], query: `q${index}` });
const many = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

test("tells the layout by the rows, as an array or as lines", () => {
  const layouts: readonly (readonly [rows: readonly unknown[], told: readonly string[]])[] = [
    [many(3, (index) => coding(index + 1)), ["visual-arft-coding", "mat-coding"]],
    [many(150, search), ["visual-arft-search", "mat-search"]],
    [many(150, (index) => ({ ...search(index), id: index })), ["visual-arft-search", "mat-search"]],
    [many(4, textual), ["visual-arft-search", "text"]],
    [
      many(4, (index) => ({ ...textual(index), id: `dev_${index}` })),
      ["visual-arft-search", "text"],
    ],
  ];
  for (const [rows, told] of layouts) {
    const lines = rows.map((row) => JSON.stringify(row)).join("\n");
    for (const read of [readText(JSON.stringify(rows)), readText(`\ufeff${lines}\n\n`)]) {
      assert.equal([read.format, read.benchmark], told);
      assert.is(read.rows.length, rows.length);
    }
  }
});

test("asks for the format where the rows could have either", async () => {
  const either = many(200, textual);
  const names = ["p.json", "--format visual-arft-coding or --format visual-arft-search"];
  await raises(() => read(either), { type: PredictionFileError, code: "prediction-file", names });
  const mixed = [coding(1), search(1)];
  await raises(() => read(mixed), { type: PredictionFileError, code: "prediction-file", names });
  assert.is(read(either, { format: "visual-arft-coding" }).benchmark, "mat-coding");
  assert.is(read(either, { format: "visual-arft-search" }).benchmark, "text");
});

test("splits and kinds of MAT-Coding follow the ids, whatever is left out", () => {
  const ids = [1, 10, 11, 60, 61, 70, 71, 110, 111, 200];
  const { rows, missing } = read(ids.map(coding));
  assert.equal(
    rows.map(({ kind, split }) => `${split} ${kind}`),
    [
      ...["simple rotation90", "simple rotation90", "simple rotation180", "simple noise"],
      ...["simple none", "simple none", "hard pairs", "hard pairs", "hard crop", "hard crop"],
    ],
  );
  assert.is(missing.length, 190);
  assert.not(missing.some((id) => ids.includes(id)));
});

test("direct answers to MAT-Coding have no ids, and all items in their order", () => {
  const { rows, missing } = read(many(200, textual), { format: "visual-arft-coding" });
  assert.equal([rows[69]?.split, rows[70]?.split, rows[70]?.kind], ["simple", "hard", "pairs"]);
  assert.equal(missing, []);
});

test("splits of MAT-Search follow the order, and are not told for a part of it", () => {
  const { rows } = read(many(150, search));
  assert.equal([rows[74]?.split, rows[75]?.split], ["simple", "hard"]);
  assert.is(read(many(149, search)).rows[0]?.split, null);
});

test("what a row says of itself comes first", () => {
  const row = { ...coding(3), type: ["rotation90", "dark"], split: "mine", cause: "turn-limit" };
  const [placed] = read([row]).rows;
  assert.equal(
    [placed?.kind, placed?.split, placed?.cause],
    ["rotation90+dark", "mine", "turn-limit"],
  );
});

test("a question that comes twice is two items", () => {
  const { rows } = read([search(1), search(1), search(2)]);
  assert.equal(
    rows.map(({ key }) => key),
    ["q1", "q1 (2)", "q2"],
  );
});

test("bad rows are named by file, item and field, and stop unless they are allowed", async () => {
  const { gt: _gt, ...noGold } = coding(2);
  const { pred_answer: _answer, ...noAnswer } = coding(2);
  const cases: readonly (readonly [row: unknown, named: string])[] = [
    [noGold, 'item 2 (line 9): field "gt" is missing'],
    [noAnswer, 'item 2 (line 9): field "pred_answer" is missing'],
    [{ ...coding(2), pred_answer: 4 }, 'field "pred_answer" is neither a text nor null'],
    [{ ...coding(2), gt: [] }, 'field "gt" is an empty list'],
    [{ ...coding(2), gt: ["7", 1] }, 'field "gt" is neither a text nor a list of texts'],
    [{ ...coding(2), gt: null }, 'field "gt" is neither a text nor a list of texts'],
    [{ ...coding(2), id: 1 }, 'field "id" 1 is the id of item 1 too'],
    [{ ...coding(2), id: "two" }, 'field "id" is no whole number'],
    [{ ...coding(2), id: null }, 'field "id" is neither a text nor a whole number'],
    [{ pred_answer: "", gt: [""] }, 'field "id" is missing'],
    [7, "the row is no object"],
  ];
  for (const [row, named] of cases) {
    const rows = [coding(1), row, coding(3)];
    const format = "visual-arft-coding";
    const names = ["p.json", "1 of 3 rows is bad", "--allow-bad-rows", "item 2", named];
    await raises(() => read(rows, { format }), {
      type: PredictionFileError,
      code: "prediction-file",
      names,
    });
    const allowed = read(rows, { format, allowBadRows: true });
    assert.equal(
      allowed.rows.map(({ item }) => item),
      [1, 3],
    );
    assert.equal([allowed.bad.length, allowed.bad[0]?.item], [1, 2]);
  }
});

test("a line that is no JSON is one bad row of several", async () => {
  const lines = [coding(1), coding(2)].map((row) => JSON.stringify(row)).join("\n{oops\n");
  const names = ["p.json: 1 of 3 rows", "item 2 (line 2): the row not JSON"];
  await raises(() => readText(lines), {
    type: PredictionFileError,
    code: "prediction-file",
    names,
  });
  assert.is(readText(lines, { allowBadRows: true }).rows.length, 2);
});

test("files that hold something else are refused", async () => {
  const rows = [{ id: 1, question: "q", answers: ["a"], type: ["dark"], split: "simple" }];
  const cases: readonly (readonly [text: string, named: string])[] = [
    ["", "p.json is empty"],
    [" \n", "p.json is empty"],
    ["[]", "p.json is an array without rows"],
    ["id,answer\n1,A\n", "p.json is not JSON"],
    ['{"results": []}', 'p.json holds one object with the fields ["results"]'],
    [JSON.stringify(rows), 'p.json: no row is a prediction: item 1 (line 1): field "pred_answer"'],
  ];
  for (const [text, named] of cases) {
    const expected = { type: PredictionFileError, code: "prediction-file", names: [named] };
    await raises(() => readText(text, { allowBadRows: true }), expected);
  }
  const cut = JSON.stringify(many(3, coding), null, 1).slice(0, -3);
  const expected = { type: DatasetRowError, code: "dataset-row", names: ["p.json:", "not JSON"] };
  await raises(() => readText(cut), expected);
  await raises(() => read(many(3, coding), { format: "visual-arft-search" }), {
    type: PredictionFileError,
    code: "prediction-file",
    names: ['field "query" is missing'],
  });
});

test("what is no answer says why", () => {
  const told = (answer: string | null, cause: string | null = null) => answerIn({ answer, cause });
  const none = (cause: string) => ({ answer: null, cause });
  assert.equal(told(" 7 K\n"), { answer: "7 K", cause: null });
  assert.equal(told("<think> t </think>\n<answer> 7\nK </answer>"), {
    answer: "7\nK",
    cause: null,
  });
  assert.equal(told("<think> t </think><answer> 7 K"), { answer: "7 K", cause: null });
  assert.equal(told("5 < 7"), { answer: "5 < 7", cause: null });
  assert.equal(told(null), none("not recorded"));
  assert.equal(told(null, "tool-error"), none("tool-error"));
  assert.equal(told(" \n"), none("empty"));
  assert.equal(told("<think> t </think><answer> </answer>"), none("empty"));
  assert.equal(told("<think> so I search </think><search> x </search>"), none("no answer tag"));
});

test("whatever the text, it is read or refused by a stated error", () => {
  const seed = 20251122;
  const field = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.string()));
  const texts = fc.array(fc.string(), { minLength: 1 });
  const sound = fc.record({ id: fc.nat(), gt: texts, pred_answer: fc.option(fc.string()) });
  const keys = { id: field, gt: field, pred_answer: field, query: field, type: field };
  const row = fc.oneof(sound, fc.record(keys, { requiredKeys: [] }), fc.jsonValue());
  const rows = fc.array(row, { maxLength: 5 });
  const text = fc.oneof(
    rows.map((all) => JSON.stringify(all)),
    rows.map((all) => all.map((one) => JSON.stringify(one)).join("\n")),
    fc.string({ unit: "binary" }),
    fc.json().map((json) => json.slice(1)),
  );
  let readable = 0;
  fc.assert(
    fc.property(text, fc.boolean(), (given, allowBadRows) => {
      try {
        const { rows: kept } = readText(given, { allowBadRows });
        assert.ok(kept.length > 0 && kept.every(({ golds }) => golds.length > 0));
        readable += 1;
      } catch (error) {
        assert.instance(error, VarftError);
      }
    }),
    { seed, numRuns: 10_000 },
  );
  assert.ok(readable > 1_000, `${readable} were readable`);
});

test.run();
