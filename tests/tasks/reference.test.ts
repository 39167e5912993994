// Goal: metrics and training rewards of Visual-ARFT come out as its published code gives them,
// faults included.
// Method: a table of observed results, and the same code's reward pieces over random turns.
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  exactMatch,
  f1,
  metricRules,
  type ReferenceStep,
  referenceAccuracy,
  referenceFormat,
} from "../../tasks/index.ts";

const test = suite("tasks/reference");

interface Vectors {
  readonly metrics: readonly {
    readonly answer: string;
    readonly gold: string;
    readonly training: number;
    readonly em: number;
    readonly f1: number;
  }[];
  readonly steps: readonly (ReferenceStep & {
    readonly similarity?: number;
    readonly accuracy: number;
    readonly format: number;
  })[];
}

async function vectors(): Promise<Vectors> {
  const file = new URL("../fixtures/visual-arft-vectors.json", import.meta.url);
  return JSON.parse(await readFile(file, "utf8"));
}

test("training F1, and exact match and F1 of both evaluations", async () => {
  const { referenceCoding, referenceSearch, referenceTraining } = metricRules;
  for (const { answer, gold, training, em, f1: evaluated } of (await vectors()).metrics) {
    assert.is(f1(answer, [gold], referenceTraining), training, `training: ${answer}`);
    for (const rules of [referenceCoding, referenceSearch]) {
      const scores = [exactMatch(answer, [gold], rules), f1(answer, [gold], rules)];
      assert.equal(scores, [em, evaluated], `evaluation: ${answer}`);
    }
  }
});

test("accuracy and format of a step", async () => {
  for (const { similarity = 1, accuracy, format, ...step } of (await vectors()).steps) {
    const said = JSON.stringify(step);
    assert.is(
      referenceAccuracy(step, () => similarity),
      accuracy,
      `accuracy: ${said}`,
    );
    assert.is(referenceFormat(step), format, `format: ${said}`);
  }
});

test("searches are compared by what stands in their tags", () => {
  const seen: string[][] = [];
  const step = {
    task: "search",
    content: "<think> t </think><search> maker </search>",
    solution: "<search> who made it </search>",
  } as const;
  referenceAccuracy(step, (...texts) => seen.push(texts));
  assert.equal(seen, [["maker", "who made it"]]);
});

test("whatever was said, both rewards lie in 0–1", () => {
  const piece = fc.constantFrom(
    ..."<think>|</think>|<problem>|</problem>|{'dark'}|<code>|</code>|```python|```".split("|"),
    ..."<search>|</search>|<answer>|</answer>|\n| |the|7 K".split("|"),
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(piece).map((all) => all.join("")),
  );
  const task = fc.constantFrom("coding" as const, "search" as const);
  const step = fc.record({ task, content: text, solution: text });
  fc.assert(
    fc.property(step, fc.double({ min: -1, max: 1, noNaN: true }), (given, similarity) => {
      const accuracy = referenceAccuracy(given, () => similarity);
      assert.ok(accuracy >= 0 && accuracy <= 1, String(accuracy));
      assert.ok([0, 1].includes(referenceFormat(given)));
    }),
    { seed: 20251122, numRuns: 5_000 },
  );
});

test.run();
