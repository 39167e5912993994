// Goal: graphs say what they mean: shapes are checked where they are made, work is placed where it
// is needed, and the bytes written are ONNX to an independent decoder.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Node } from "../../model/graph/index.ts";
import {
  add,
  branch,
  dimension,
  emitModel,
  exponential,
  Graph,
  GraphError,
  gemm,
  gradients,
  less,
  linear,
  loop,
  multiply,
  productOf,
  reduceSum,
  reshape,
  scalar,
  shapeKey,
  sigmoid,
  sumOf,
} from "../../model/graph/index.ts";
import { decodeModel, encodeAgain, typesOf } from "./decode-model.ts";

const test = suite("graph");

function vector(name = "x", graph = new Graph()): Node {
  return graph.input(name, "float32", [dimension("n"), 4]);
}

function decode(outputs: Record<string, Node>) {
  return decodeModel(emitModel(outputs).bytes);
}

async function run(outputs: Record<string, Node>, feeds: Record<string, Tensor>) {
  const session = await InferenceSession.create(emitModel(outputs).bytes);
  return session.run(feeds);
}

function errorOf(make: () => unknown): Error {
  try {
    make();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

function valuesOf(results: Record<string, { data: unknown }>, name: string): number[] {
  const data = results[name]?.data;
  return data instanceof Float32Array ? [...data] : [];
}

test("sizes are polynomials with one spelling", () => {
  const [a, b] = [dimension("a"), dimension("b")];
  assert.is(shapeKey([productOf(b, a, 2)]), shapeKey([productOf(2, a, b)]));
  assert.is(shapeKey([sumOf(productOf(a, sumOf(b, 1)), 3)]), "[3+a+a*b]");
  assert.is(productOf(3, 4), 12);
});

test("operands that do not fit are refused where the node is made, by name and shape", () => {
  const graph = new Graph();
  const build = () => graph.within("model.layers.3", () => add(vector("x", graph), scalar3(graph)));
  const error = errorOf(build);
  assert.instance(error, GraphError);
  for (const part of ["add", "float32[n, 4]", "float32[3]"])
    assert.ok(error.message.includes(part), error.message);
  assert.throws(() => reshape(vector(), [7]), /cannot become \[7\]/);
  const misfit = () => linear(vector("x", graph), graph.input("v", "float32", [2, 5]));
  assert.throws(misfit, /do not fit.*\[2, 5\]/);
});

function scalar3(graph: Graph): Node {
  return graph.input("three", "float32", [3]);
}

test("an operation without a gradient rule is refused by name and place", () => {
  const graph = new Graph();
  const x = vector("x", graph);
  const cut = graph.within("model.sampler", () =>
    graph.make({ op: "argMax", inputs: [x], results: [{ dtype: "float32", shape: x.shape }] }),
  );
  const loss = reduceSum(multiply(cut, x), [0, 1]);
  const error = errorOf(() => gradients([[loss, scalar(graph, 1)]], [x]));
  assert.ok(/argMax.*model\.sampler/.test(error.message), error.message);
});

test("equal nodes are one node", () => {
  const graph = new Graph();
  const x = vector("x", graph);
  assert.is(exponential(x), exponential(x));
  assert.is(scalar(graph, 2), scalar(graph, 2));
  assert.is.not(exponential(x), sigmoid(x));
});

test("the bytes decode to the same model and encode to the same length", () => {
  const graph = new Graph();
  const x = vector("x", graph);
  const data = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const inline = graph.initializer("w", "float32", [2, 4], { type: "inline", data });
  const stored = graph.initializer("stored", "bfloat16", [2, 4], {
    type: "file",
    file: "model.safetensors",
    offset: 2 ** 33 + 5,
    length: 16,
  });
  const product = gemm(x, inline, { transposeRight: true, alpha: 0.5 });
  const cast = graph.make({
    op: "cast",
    inputs: [stored],
    attributes: { to: "float32" },
    results: [{ dtype: "float32", shape: [2, 4] }],
  });
  const model = decode({ y: add(product, gemm(x, cast, { transposeRight: true })) });
  assert.equal(typesOf(model.graph).toSorted(), ["Add", "Cast", "Gemm", "Gemm", "Identity"]);
  const [weights, file] = ["w", "stored"].map((name) =>
    model.graph?.initializer?.find((tensor) => tensor.name === name),
  );
  assert.equal([...(weights?.rawData ?? [])], [...new Uint8Array(data.buffer)]);
  const external = file?.externalData?.map(({ key, value }) => `${key}=${value}`);
  assert.equal(external, ["location=model.safetensors", "offset=8589934597", "length=16"]);
  const gemmNode = model.graph?.node?.find(({ opType }) => opType === "Gemm");
  const attributes = Object.fromEntries(
    (gemmNode?.attribute ?? []).map(({ name, i, f }) => [name, name === "alpha" ? f : Number(i)]),
  );
  assert.equal(attributes, { transA: 0, transB: 1, alpha: 0.5 });
  const axes = model.graph?.input?.[0]?.type?.tensorType?.shape?.dim;
  assert.equal(
    axes?.map(({ dimParam, dimValue }) => dimParam || Number(dimValue)),
    ["n", 4],
  );
  const bytes = emitModel({ y: product }).bytes;
  assert.is(encodeAgain(bytes).length, bytes.length);
});

test("what one side of a branch needs runs there, what both need runs before", async () => {
  const graph = new Graph();
  const x = vector("x", graph);
  const shared = exponential(x);
  const condition = graph.input("condition", "bool", []);
  const [result] = branch(condition, [add(shared, sigmoid(x))], [multiply(shared, x)]);
  const outputs = { y: result as Node };
  const main = decode(outputs).graph;
  assert.equal(typesOf(main), ["Exp", "If", "Identity"]);
  const sides = main?.node?.[1]?.attribute?.map(({ g }) => typesOf(g));
  assert.equal(sides, [["Sigmoid", "Add"], ["Mul"]]);
  const feeds = (value: number) => ({
    x: new Tensor("float32", Float32Array.of(0, 1, 2, 3), [1, 4]),
    condition: new Tensor("bool", Uint8Array.of(value), []),
  });
  const no = await run(outputs, feeds(0));
  assert.equal(
    valuesOf(no, "y"),
    [0, 1, 2, 3].map((v) => Math.fround(Math.fround(Math.exp(v)) * v)),
  );
});

test("a loop carries state, collects values, stops by itself and lifts what never changes", async () => {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2]);
  const limit = graph.input("limit", "float32", []);
  const { state, collected } = loop({
    rounds: scalar(graph, 10, "int64"),
    start: scalar(graph, 1, "bool"),
    state: [x],
    collectedSize: dimension("rounds"),
    body: (_round, [current]) => {
      const next = add(current as Node, exponential(x));
      const total = reduceSum(next, [0]);
      return { goOn: less(total, limit), state: [next], collected: [total] };
    },
  });
  const outputs = { last: state[0] as Node, totals: collected[0] as Node };
  assert.ok(typesOf(decode(outputs).graph).includes("Exp"));
  const results = await run(outputs, {
    x: new Tensor("float32", Float32Array.of(0, 0), [2]),
    limit: new Tensor("float32", Float32Array.of(5.5), []),
  });
  assert.equal(valuesOf(results, "totals"), [2, 4, 6]);
  assert.equal(valuesOf(results, "last"), [3, 3]);
});

test("inputs that no output needs are not part of the model", () => {
  const graph = new Graph();
  const x = vector("x", graph);
  graph.input("unused", "float32", [1]);
  assert.equal(emitModel({ y: exponential(x) }).inputs, ["x"]);
});

test.run();
