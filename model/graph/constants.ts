// Values that stand in the graph itself: numbers, lists of whole numbers, and run-time sizes.
import type { Dimension, Shape } from "./dimension.ts";
import { dimensionKey, productOf, shapeKey, termsOf } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { DataType, Graph, Node, TensorData } from "./node.ts";
import type { Rule, RuleTable } from "./rule.ts";
import { applyRule } from "./rule.ts";

/** A constant tensor. Equal constants are one node. */
export function constant(
  graph: Graph,
  dtype: DataType,
  shape: readonly number[],
  data: TensorData,
): Node {
  const key = `constant ${dtype}${shapeKey(shape)} ${data.join(",")}`;
  return graph.make({
    op: "constant",
    results: [{ dtype, shape }],
    source: { type: "inline", data },
    key,
  });
}

/** A list of whole numbers, int64 [n]. */
export function integers(graph: Graph, values: readonly number[]): Node {
  const data = BigInt64Array.from(values.map(BigInt));
  return constant(graph, "int64", [values.length], data);
}

/** One number in the graph's float type (or as int64 or bool), without axes. */
export function scalar(graph: Graph, value: number, dtype: DataType = graph.float): Node {
  switch (dtype) {
    case "float32":
      return constant(graph, dtype, [], Float32Array.of(value));
    case "float64":
      return constant(graph, dtype, [], Float64Array.of(value));
    case "int64":
      return constant(graph, dtype, [], BigInt64Array.of(BigInt(value)));
    case "bool":
      return constant(graph, dtype, [], Uint8Array.of(value));
    default:
      throw new GraphError("scalar", `no constants of type ${dtype}`);
  }
}

const vector = (size: Dimension) => [{ dtype: "int64" as const, shape: [size] }];

const sizeOfAxis: Rule = {
  infer: () => vector(1),
  emit: (emitter, node, [input = ""]) => {
    const axis = Number(node.attributes["axis"]);
    return emitter.add("Shape", [input], { start: axis, end: axis + 1 });
  },
};
const addSizes: Rule = { infer: () => vector(1), onnx: "Add" };
const multiplySizes: Rule = { infer: () => vector(1), onnx: "Mul" };
const divideSizes: Rule = { infer: () => vector(1), onnx: "Div" };
const joinSizes: Rule = {
  infer: (inputs) => vector(inputs.length),
  emit: (emitter, _node, inputs) => emitter.add("Concat", inputs, { axis: 0 }),
};

/** Arithmetic of run-time sizes: int64 vectors, never differentiated. */
export const sizeRules: RuleTable = { sizeOfAxis, addSizes, multiplySizes, divideSizes, joinSizes };

/** The sizes of `shape` as an int64 vector that is computed when the graph runs. */
export function shapeVector(graph: Graph, shape: Shape): Node {
  const fixed = shape.filter((size) => typeof size === "number");
  if (fixed.length === shape.length) return integers(graph, fixed);
  const parts = shape.map((size) => sizeVector(graph, size));
  return applyRule("joinSizes", joinSizes, parts);
}

/** One size as an int64 vector of length 1. */
function sizeVector(graph: Graph, size: Dimension): Node {
  const terms = termsOf(size).map((term) =>
    term.symbols
      .map((symbol) => symbolVector(graph, symbol))
      .reduce(
        (product, factor) => applyRule("multiplySizes", multiplySizes, [product, factor]),
        integers(graph, [term.factor]),
      ),
  );
  return terms.reduce((sum, term) => applyRule("addSizes", addSizes, [sum, term]));
}

/** The vector for `Reshape`: 0 keeps an axis, one -1 is inferred, so sizes are rarely computed. */
export function reshapeVector(input: Node, shape: Shape): Node {
  const template = shape.map((size, axis) => {
    if (typeof size === "number") return size;
    const kept = input.shape[axis];
    return kept !== undefined && dimensionKey(kept) === size.key ? 0 : -1;
  });
  const inferred = template.filter((size) => size === -1).length;
  const empty = shape.some((size) => size === 0);
  return inferred <= 1 && !empty
    ? integers(input.graph, template)
    : shapeVector(input.graph, shape);
}

/** The number of elements of a shape. */
export function elementCount(shape: Shape): Dimension {
  return productOf(...shape);
}

function symbolVector(graph: Graph, symbol: string): Node {
  for (const input of graph.inputs.values()) {
    for (const [axis, size] of input.shape.entries()) {
      const [term, ...others] = termsOf(size);
      if (others.length > 0 || term?.symbols.join() !== symbol) continue;
      const measured = applyRule("sizeOfAxis", sizeOfAxis, [input], { axis });
      if (term.factor === 1) return measured;
      return applyRule("divideSizes", divideSizes, [measured, integers(graph, [term.factor])]);
    }
  }
  throw new GraphError("shape", `no input has an axis of size ${symbol}`);
}
