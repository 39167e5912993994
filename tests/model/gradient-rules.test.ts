// Goal: every gradient rule is right. Method: each rule's operation is differentiated in float64
// and compared with central finite differences; a rule without a case here fails the suite.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Graph, Node } from "../../model/graph/index.ts";
import {
  add,
  attention,
  clip,
  concat,
  constant,
  divide,
  expand,
  exponential,
  gather,
  gelu,
  gemm,
  less,
  linear,
  logSoftmax,
  matmul,
  minimum,
  multiply,
  negate,
  operationTable,
  pad,
  pickLogProb,
  reduceSum,
  regroupRows,
  replaceRows,
  reshape,
  rmsNorm,
  rotary,
  scalar,
  scatterAddRows,
  sigmoid,
  silu,
  slice,
  softmax,
  subtract,
  transpose,
  where,
} from "../../model/graph/index.ts";
import type { Values } from "./finite-differences.ts";
import { gradientError } from "./finite-differences.ts";

const errorMax = 1e-6;

interface Case extends Values {
  readonly build: (inputs: Record<string, Node>, graph: Graph) => Node;
}

const a34 = { a: { shape: [3, 4] } };
const fixed = (...shape: number[]) => ({ shape, data: ramp(shape) });
const ab34 = { a: { shape: [3, 4] }, b: fixed(4) };
const pick = (inputs: Record<string, Node>, name: string) => inputs[name] as Node;
const one = (build: (a: Node, graph: Graph) => Node, floats: Values["floats"] = a34): Case => ({
  floats,
  build: (inputs, graph) => build(pick(inputs, "a"), graph),
});
const two = (build: (a: Node, b: Node) => Node, floats: Values["floats"] = ab34): Case => ({
  floats,
  build: (inputs) => build(pick(inputs, "a"), pick(inputs, "b")),
});
const positive = { a: { shape: [2, 3] }, b: { shape: [3], data: [0.7, -1.3, 2.1] } };
const flagged = (transposeLeft: boolean, transposeRight: boolean, rank: number): Case => {
  const batch = rank === 3 ? [2] : [];
  const left = [...batch, ...(transposeLeft ? [4, 3] : [3, 4])];
  const right = [...batch, ...(transposeRight ? [5, 4] : [4, 5])];
  const product = rank === 3 ? matmul : gemm;
  return {
    floats: { a: { shape: left, data: ramp(left) }, b: { shape: right, data: ramp(right) } },
    build: ({ a, b }) =>
      product(a as Node, b as Node, { transposeLeft, transposeRight, alpha: 0.37 }),
  };
};

function ramp(shape: readonly number[]): number[] {
  const size = shape.reduce((product, length) => product * length, 1);
  return Array.from({ length: size }, (_, index) => Math.sin(index * 1.7 + 0.3));
}

const cases: Readonly<Record<string, readonly Case[]>> = {
  add: [two(add), one((a) => add(a, a))],
  subtract: [two(subtract), two((a, b) => subtract(b, a))],
  multiply: [two(multiply), one((a) => multiply(a, a))],
  divide: [two(divide, positive)],
  minimum: [two(minimum)],
  negate: [one(negate)],
  exponential: [one(exponential)],
  sigmoid: [one(sigmoid)],
  silu: [one(silu)],
  gelu: [one(gelu)],
  clip: [one((a, graph) => clip(a, scalar(graph, -0.5), scalar(graph, 0.8)))],
  where: [two((a, b) => where(lessThanZero(a), multiply(a, a), b))],
  reshape: [one((a) => reshape(a, [a.shape[0] ?? 0, 2, 2]))],
  expand: [one((a) => expand(reshape(a, [a.shape[0] ?? 0, 1, 4]), [a.shape[0] ?? 0, 3, 4]))],
  transpose: [one((a) => transpose(a, [2, 0, 1]), { a: { shape: [2, 3, 4] } })],
  reduceSum: [one((a) => reduceSum(a, [0])), one((a) => reduceSum(a, [1], true))],
  slice: [one((a) => slice(a, 1, 1, 3))],
  pad: [one((a) => pad(a, 1, 2, 1))],
  concat: [one((a) => concat([slice(a, 1, 2, 4), slice(a, 1, 0, 1), a], 1))],
  gather: [
    {
      floats: a34,
      integers: { i: [2, 0, 2, 2] },
      build: ({ a, i }) => gather(a as Node, i as Node),
    },
  ],
  scatterAddRows: [
    {
      floats: { a: fixed(3, 4) },
      integers: { i: [4, 1, 4] },
      build: ({ a, i }) => scatterAddRows([6, 4], i as Node, a as Node),
    },
  ],
  replaceRows: [
    {
      floats: { a: { shape: [4, 3] }, b: fixed(2, 3) },
      integers: { i: [3, 1] },
      build: ({ a, b, i }) => replaceRows(a as Node, i as Node, b as Node),
    },
  ],
  regroupRows: [
    {
      floats: a34,
      integers: { i: [2, 0, 1], j: [1, 2, 0] },
      build: ({ a, i, j }) => regroupRows(a as Node, i as Node, j as Node),
    },
  ],
  gemm: [
    flagged(false, false, 2),
    flagged(true, false, 2),
    flagged(false, true, 2),
    flagged(true, true, 2),
    {
      floats: { a: { shape: [3, 4] }, w: fixed(5, 4), c: fixed(5) },
      build: ({ a, w, c }) => linear(a as Node, w as Node, c as Node),
    },
  ],
  matmul: [
    two(matmul, { a: fixed(2, 3, 4), b: fixed(2, 4, 5) }),
    flagged(true, false, 3),
    flagged(false, true, 3),
    flagged(true, true, 3),
  ],
  mixValues: [
    {
      floats: { q: fixed(2, 3, 4), k: fixed(2, 5, 4), v: fixed(2, 5, 4) },
      build: ({ q, k, v }, graph) =>
        attention(q as Node, k as Node, v as Node, 0.6, (scores) => {
          const mask = Float64Array.from({ length: 15 }, (_, at) => (at % 4 === 1 ? -1e30 : 0));
          return add(scores, constant(graph, "float64", [3, 5], mask));
        }),
    },
  ],
  softmax: [one(softmax)],
  logSoftmax: [one(logSoftmax)],
  rmsNorm: [two((a, b) => rmsNorm(a, b, 1e-6))],
  rotary: [
    {
      floats: { a: { shape: [3, 8] } },
      build: ({ a }, graph) => {
        const table = (data: number[]) =>
          constant(graph, "float64", [3, 2], Float64Array.from(data));
        return rotary(a as Node, table(ramp([3, 2])), table(ramp([3, 2]).reverse()), 2);
      },
    },
  ],
  pickLogProb: [
    {
      floats: { a: fixed(3, 5) },
      integers: { i: [4, 0, 2] },
      build: ({ a, i }) => pickLogProb(a as Node, i as Node),
    },
  ],
};

function lessThanZero(a: Node): Node {
  return less(a, scalar(a.graph, 0));
}

const test = suite("gradient rules");

test("every rule of the table has a case", () => {
  const ruled = Object.entries(operationTable).filter(([, rule]) => rule.gradient !== undefined);
  const tested = Object.keys(cases).filter((name) => (cases[name] ?? []).length > 0);
  assert.equal(ruled.map(([name]) => name).sort(), tested.sort());
});

for (const [name, list] of Object.entries(cases)) {
  for (const [index, { build, ...values }] of list.entries()) {
    test(`${name} ${index + 1} agrees with finite differences`, async () => {
      const error = await gradientError(values, build);
      assert.ok(error <= errorMax, `relative error ${error}`);
    });
  }
}

test.run();
