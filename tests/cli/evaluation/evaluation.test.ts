// Goal: an evaluation is told in the paper's layout, beside figures that were copied rightly, and
// its files of predictions give the same figures again.
import { readFile } from "node:fs/promises";
import { createColors } from "picocolors";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PlayedItem, PlayedSet } from "../../../cli/evaluation/items.ts";
import { predictionsText } from "../../../cli/evaluation/predictions.ts";
import { benchmarksJson, columnsOf, summarizeSets } from "../../../cli/evaluation/summary.ts";
import { evaluationLines } from "../../../cli/evaluation/view.ts";
import { scoreReport } from "../../../cli/score/index.ts";
import { type PaperColumn, paperTables, readPredictions } from "../../../tasks/index.ts";

const test = suite("cli/evaluation");
const colors = createColors(false);

const item = (id: string, answer: string | null, more: Partial<PlayedItem> = {}): PlayedItem => ({
  task: {
    id: `set/${id}`,
    task: "search",
    kind: "search",
    question: `Question ${id}?`,
    answers: ["gold"],
    image: null,
    reference: null,
  },
  answer,
  cause: answer === null ? "turn limit" : null,
  turns: 2,
  calls: 1,
  faults: [],
  ...more,
});

const coding = (id: number, answer: string | null): PlayedItem => {
  const base = item(String(id), answer);
  return { ...base, task: { ...base.task, task: "coding", kind: id <= 70 ? "dark" : "crop" } };
};

function setOf(changes: Partial<PlayedSet> & Pick<PlayedSet, "items">): PlayedSet {
  const { items } = changes;
  const facts = { name: "set", benchmark: "bamboogle", mode: "tools" as const };
  return { ...facts, planned: items.length, ...changes };
}

/** Simple ones right, hard ones wrong. */
const matCoding = setOf({
  name: "coding",
  benchmark: "mat-coding",
  items: Array.from({ length: 200 }, (_, at) => coding(at + 1, at < 70 ? "gold" : "lead")),
});

const matSearch = setOf({
  name: "search",
  benchmark: "mat-search",
  mode: "cot",
  items: Array.from({ length: 150 }, (_, at) => item(String(at), at < 75 ? "gold" : null)),
});

for (const { table, rows } of paperTables) {
  test(`table ${table}: averages are those of their splits, but for rows that say why not`, () => {
    for (const { model, figures, note } of rows) {
      const check = (benchmark: "mat-coding" | "mat-search", simple: number) => {
        const parts = (["simple", "hard", "all"] as const).map(
          (part) => figures[`${benchmark}/${part}`],
        );
        const [easy, hard, all] = parts;
        if (!easy || !hard || !all || note?.startsWith("MAT-Coding")) return;
        for (const at of [0, 1] as const) {
          const mean = simple * (easy[at] ?? 0) + (1 - simple) * (hard[at] ?? 0);
          const far = Math.abs(mean - (all[at] ?? 0));
          assert.ok(far < 0.021, `${model}, ${benchmark}: ${mean} is printed as ${all[at]}`);
        }
      };
      check("mat-coding", 70 / 200);
      check("mat-search", 0.5);
    }
  });
}

test("every row of the paper fills the columns of its table", () => {
  for (const { columns, rows } of paperTables) {
    for (const { model, figures } of rows) {
      assert.equal(Object.keys(figures).sort(), [...columns].sort(), model);
    }
  }
});

test("a set fills the paper's columns by the reference's rules", () => {
  const [summary] = summarizeSets([matCoding], 0);
  const columns = summary === undefined ? new Map() : columnsOf(summary);
  const figure = (part: string) => columns.get(`mat-coding/${part}` as PaperColumn);
  assert.equal(
    [figure("simple"), figure("hard")],
    [
      [100, 100],
      [0, 0],
    ],
  );
  assert.equal(figure("all"), [35, 35]);
});

test("the table has this policy above the paper's rows, each way of asking by itself", () => {
  const lines = evaluationLines(summarizeSets([matCoding, matSearch], 0), colors);
  const text = lines.join("\n");
  assert.match(text, /table 1: MAT-Coding and MAT-Search/);
  assert.match(
    text,
    /^this policy +tools +100\.00\/100\.00 +0\.00\/0\.00 +35\.00\/35\.00 +– +– +–$/m,
  );
  assert.match(
    text,
    /^this policy +chain of thought +– +– +– +100\.00\/100\.00 +0\.00\/0\.00 +50\.00/m,
  );
  assert.match(
    text,
    /^Visual-ARFT 7B +tools +60\.10\/51\.43 +45\.60\/25\.38 +50\.68\/34\.50 +71\.78\/66\.67/m,
  );
  assert.match(text, /table 4/);
  assert.not.match(text, /table 2/);
  assert.match(text, /search +150 +50\.0 %/, "items without an answer, by cause");
});

test("a part of a benchmark is marked as one", () => {
  const few = setOf({ items: [item("1", "gold"), item("2", "lead", { faults: ["timeout"] })] });
  const text = evaluationLines(summarizeSets([few], 0), colors).join("\n");
  assert.match(text, /^this policy \* +tools +50\.00\/50\.00$/m);
  assert.match(text, /^\* of a part of the items$/m);
  assert.match(text, /Tool faults in set: timeout 1/);
});

test("an evaluation of which nothing was played says so", () => {
  assert.equal(evaluationLines([], colors), ["Nothing was played to its end."]);
});

for (const set of [matCoding, matSearch, setOf({ items: [item("1", "gold"), item("2", null)] })]) {
  test(`the predictions of ${set.benchmark} are scored as the evaluation told them`, () => {
    const file = readPredictions("a.json", predictionsText(set), {
      format: null,
      allowBadRows: false,
    });
    const [told] = summarizeSets([set], 3);
    const read = scoreReport(file, 3);
    assert.equal(
      read.groups.map(({ label, n, corrected, reference }) => [label, n, corrected, reference]),
      told?.report.groups.map(({ label, n, corrected, reference }) => [
        label,
        n,
        corrected,
        reference,
      ]),
    );
    assert.equal(read.causes, told?.report.causes);
  });
}

test("scripts get every set with its failures", () => {
  const { benchmarks } = benchmarksJson(summarizeSets([matSearch], 0));
  const { n, em, unanswered, unansweredCauses, policyMode } = benchmarks["search"] ?? {};
  assert.equal([n, em, unanswered, policyMode], [150, 50, 50, "cot"]);
  assert.equal(unansweredCauses, { "turn limit": 75 });
});

const published = process.env["VARFT_VISUAL_ARFT"];
if (published === undefined) {
  console.log("skipped: VARFT_VISUAL_ARFT names no folder of published predictions");
} else {
  test("the published answers of the 7B model give the paper's row", async () => {
    const name = `${published}/7b_mat_coding.json`;
    const rows = JSON.parse(await readFile(name, "utf8")) as readonly {
      readonly id: number;
      readonly gt: readonly string[];
      readonly pred_answer: string;
    }[];
    const items = rows.map(({ id, gt, pred_answer: answer }) => {
      const played = coding(id, answer);
      return { ...played, task: { ...played.task, answers: [...gt] } };
    });
    const [summary] = summarizeSets([setOf({ benchmark: "mat-coding", items })], 0);
    const figures = [...(summary === undefined ? [] : columnsOf(summary))].map(([column, pair]) => [
      column,
      ...pair.map((value) => value.toFixed(2)),
    ]);
    assert.equal(figures, [
      ["mat-coding/all", "50.67", "34.50"],
      ["mat-coding/simple", "60.10", "51.43"],
      ["mat-coding/hard", "45.60", "25.38"],
    ]);
  });
}

test.run();
