// Goal: the official files and one's own are read as they are downloaded; bad rows are named by
// file and line, counted, and end the reading unless they are allowed.
// Method: rows of our own in the published layouts, spoilt in one place at a time.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DatasetRowError, parseRows, parseSteps, tasksOfSteps } from "../../tasks/index.ts";
import { raises } from "../model-input/raises.ts";

const test = suite("tasks/datasets");
const file = "d.jsonl";

const lines = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");

const steps = [
  {
    type: "pre_problem",
    image_path: "rotation90+dark_4_proc.png",
    problem: "<query> What is read? </query>",
    solution: "<problem> {'rotation90', 'dark'} </problem>",
    gt: "<think> Turned. </think>\n<problem> {'rotation90', 'dark'} </problem>",
  },
  {
    type: "pre_code",
    image_path: "rotation90+dark_4_proc.png",
    problem: "<query> What is read? </query>",
    context: "<think> Turned. </think>",
    solution: "<code>\n```python\nimport cv2\n```\n</code>",
    gt: "<think> Turn it. </think>\n<code>\n```python\nimport cv2\n```\n</code>",
  },
  {
    type: "pre_answer",
    image_path: "rotation90+dark_4_ori.png",
    context: "<think> Turned. </think>",
    solution: "<answer> 7 K </answer>",
    gt: "<think> ok. </think>\n<answer> 7 K </answer>",
  },
];

const chain = "<query> Who made it? </query>\n<think> t </think><search> it </search>";
const searchSteps = [
  {
    image_path: "3.jpg",
    problem: "<query> Who made it? </query>",
    solution: "<search> it </search>",
  },
  { image_path: "3.jpg", problem: chain, solution: "<answer> She </answer>" },
];

const rejected = (run: () => unknown, ...names: readonly string[]) =>
  raises(run, { type: DatasetRowError, code: "dataset-row", names });

test("MAT-Coding keeps its split; the text benchmarks have golds and no image", () => {
  const { rows } = parseRows(
    file,
    lines([
      {
        id: 12,
        question: "q",
        answers: ["a"],
        ori_image_path: "o.png",
        processed_image_path: "p.png",
        type: ["dark"],
        split: "simple",
      },
      { id: "dev_0", question: "who", golden_answers: ["x", "y"], metadata: { hop: 2 } },
    ]),
  );
  assert.equal([rows[0]?.split, rows[0]?.image, rows[0]?.reference], ["simple", "p.png", "o.png"]);
  assert.equal(rows[1], {
    id: "dev_0",
    task: "search",
    kind: "search",
    split: null,
    question: "who",
    answers: ["x", "y"],
    image: null,
    reference: null,
    line: 2,
  });
});

test("one's own rows are read by the keys that are named", async () => {
  const fields = { question: "prompt", answers: "label", image: "picture", kind: "topic" };
  const rows = [
    { prompt: "q1", label: "a", picture: "1.png", topic: "maps" },
    { prompt: "q2", label: ["a", "b"], picture: null },
  ];
  const read = parseRows(file, lines(rows), { fields, task: "coding" });
  assert.equal(
    read.rows.map(({ id, task, kind, answers, image }) => [id, task, kind, answers, image]),
    [
      ["1", "coding", "maps", ["a"], "1.png"],
      ["2", "coding", "coding", ["a", "b"], null],
    ],
  );
  const bad = (row: object) => () => parseRows(file, lines([rows[0], row]), { fields });
  await rejected(bad({ prompt: "q" }), "d.jsonl:2", 'key "label": is missing');
  await rejected(bad({ prompt: 7, label: "a" }), "d.jsonl:2", 'key "prompt"', "expected string");
  await rejected(bad({ prompt: "q", label: [] }), "d.jsonl:2", 'key "label"');
});

test("bad rows are all named and counted; allowed, they are left out", async () => {
  const good = { id: 1, question: "q", golden_answers: ["a"] };
  const text = `${lines([good])}\n{oops\n${lines([{ ...good, golden_answers: [] }, 7, good])}`;
  await rejected(
    () => parseRows(file, text),
    "d.jsonl:2: not JSON",
    'd.jsonl:3: key "golden_answers"',
    "d.jsonl:4: no object with keys",
    "3 of 5 rows are bad",
  );
  const { rows, bad } = parseRows(file, text, { allowBadRows: true });
  assert.is(rows.length, 2);
  assert.equal(
    bad.map(({ line }) => line),
    [2, 3, 4],
  );
});

test("coding steps of one trajectory share its name; later ones need not repeat the question", () => {
  const { rows } = parseSteps("d.json", JSON.stringify(steps, null, 4));
  assert.equal(
    rows.map(({ trajectory, task, kind, line }) => [trajectory, task, kind, line]),
    [
      ["rotation90+dark_4", "coding", "problem", 2],
      ["rotation90+dark_4", "coding", "code", 9],
      ["rotation90+dark_4", "coding", "answer", 17],
    ],
  );
  assert.equal([rows[1]?.context, rows[2]?.problem], ["<think> Turned. </think>", null]);
  assert.is(rows[1]?.demonstration, steps[1]?.gt);
});

test("the question behind the steps can be played from its start", () => {
  const { rows } = parseSteps(file, lines([...steps, ...searchSteps]));
  const tasks = tasksOfSteps(rows);
  assert.equal(tasks.bad, []);
  assert.equal(tasks.rows[0], {
    id: "rotation90+dark_4",
    task: "coding",
    kind: "rotation90+dark",
    split: null,
    question: "What is read?",
    answers: ["7 K"],
    image: "rotation90+dark_4_proc.png",
    reference: "rotation90+dark_4_ori.png",
    line: 1,
  });
  const [, search] = tasks.rows;
  assert.equal(
    [search?.question, search?.answers, search?.image, search?.kind],
    ["Who made it?", ["She"], "3.jpg", "search"],
  );
  const cut = tasksOfSteps(rows.filter(({ kind }) => kind !== "answer"));
  assert.equal([cut.rows.length, cut.bad.length, cut.bad[0]?.line], [0, 2, 1]);
});

test("a step whose action is not that of its type is a bad row", async () => {
  const [problem, code] = steps;
  const cases: readonly (readonly [row: object, named: string])[] = [
    [{ ...code, type: "pre_answer" }, 'key "solution": <code> in a pre_answer row'],
    [{ ...code, type: "pre_search" }, 'key "type"'],
    [{ ...code, solution: "turn it" }, 'key "solution": is no action in its tag'],
    [{ ...problem, problem: undefined }, 'key "problem": is missing'],
    [{ ...searchSteps[0], solution: "<code>x</code>" }, "<code> in a search row"],
    [{ ...searchSteps[0], problem: 1 }, 'key "problem"'],
  ];
  for (const [row, named] of cases) {
    await rejected(() => parseSteps(file, lines([problem, row])), "d.jsonl:2", named);
  }
});

test("whatever the text, it is read or refused by file and line", () => {
  const seed = 20251122;
  const value = fc.oneof(fc.string(), fc.constant("<answer> a </answer>"), fc.array(fc.string()));
  const keys = ["id", "question", "answers", "golden_answers", "image_path", "solution", "problem"];
  const row = fc.dictionary(fc.constantFrom(...keys), value);
  const text = fc.oneof(
    fc.array(row, { maxLength: 4 }).map(lines),
    fc.array(row, { maxLength: 4 }).map((rows) => JSON.stringify(rows)),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(text, fc.boolean(), (given, allowBadRows) => {
      for (const parse of [parseRows, parseSteps]) {
        try {
          const { rows, bad } = parse(file, given, { allowBadRows });
          assert.ok(rows.every(({ line }) => line > 0));
          assert.ok(allowBadRows || bad.length === 0);
        } catch (error) {
          assert.instance(error, DatasetRowError);
        }
      }
    }),
    { seed, numRuns: 3_000 },
  );
});

test.run();
