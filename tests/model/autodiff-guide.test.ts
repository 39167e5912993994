// Goal: docs/autodiff.md is true. Method: each of its code blocks stands in this file, which runs,
// or in the graph room.
import { readdir, readFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  describe,
  dimension,
  emitModel,
  Graph,
  gradients,
  linear,
  multiply,
  reduceSum,
  scalar,
  subtract,
} from "../../model/graph/index.ts";

const test = suite("model: the autodiff guide");
const root = new URL("../../", import.meta.url);

test("its example gives the numbers that it says", async () => {
  const graph = new Graph("float64");
  const rows = dimension("rows");
  const x = graph.input("x", "float64", [rows, 2]);
  const w = graph.input("w", "float64", [1, 2]);
  const predicted = linear(x, w);
  const error = subtract(predicted, scalar(graph, 1));
  const loss = reduceSum(multiply(error, error), [0, 1]);

  assert.is(multiply(error, error), multiply(error, error));
  assert.is(describe(loss), "reduceSum: float64[]");

  const [slope] = gradients([[loss, scalar(graph, 1)]], [w]);
  if (slope === undefined) throw new Error("one gradient per parameter");

  const session = await InferenceSession.create(emitModel({ loss, slope }).bytes);
  const { loss: sum, slope: gradient } = await session.run({
    x: new Tensor("float64", [3, 4, 5, 6], [2, 2]),
    w: new Tensor("float64", [1, 2], [1, 2]),
  });
  assert.equal(sum?.data, Float64Array.of(356));
  assert.equal(gradient?.data, Float64Array.of(220, 272));
  await session.release();
});

test("every code block stands in the repository", async () => {
  const page = await readFile(new URL("docs/autodiff.md", root), "utf8");
  const folder = new URL("model/graph/", root);
  const files = [
    new URL(import.meta.url),
    ...(await readdir(folder)).map((name) => new URL(name, folder)),
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const bare = (text: string) => text.replace(/^\s+/gm, "").trim();
  const code = texts.map(bare).join("\n");
  const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, block = ""]) => block);
  assert.ok(blocks.length >= 7);
  for (const block of blocks) assert.ok(code.includes(bare(block)), block);
});

test.run();
