// Operations that move or add up elements: reshape, transpose, sums, slices, rows.
import { elementCount, reshapeVector, scalar, shapeVector } from "./constants.ts";
import type { Dimension, Shape } from "./dimension.ts";
import { sameDimension, sameShape, shapeKey, sumOf } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { Attribute, Node } from "./node.ts";
import { describe } from "./node.ts";
import type { Rule, RuleTable } from "./rule.ts";
import { applyRule, fixedSizeAt, inputAt, sizeAt } from "./rule.ts";

const list = (value: Attribute | undefined): readonly number[] =>
  Array.isArray(value) ? value.map(Number) : [];

/** The result shape cannot be spelled as an attribute when symbolic, so a closure carries it. */
function shaped(shape: Shape, rule: Omit<Rule, "infer">): Rule {
  return { ...rule, infer: ([input]) => [{ dtype: input?.dtype ?? "float32", shape }] };
}

const reshapeRule: Omit<Rule, "infer"> = {
  onnx: "Reshape",
  gradient: (node, [g]) => [g && reshape(g, inputAt(node, 0).shape)],
};

/** The same elements in another shape. */
export function reshape(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  if (!sameDimension(elementCount(x.shape), elementCount(shape)))
    throw new GraphError("reshape", `${describe(x)} cannot become ${shapeKey(shape)}`);
  return applyRule("reshape", shaped(shape, reshapeRule), [x, reshapeVector(x, shape)]);
}

const expandRule: Omit<Rule, "infer"> = {
  onnx: "Expand",
  gradient: (node, [g]) => [g && sumTo(g, inputAt(node, 0).shape)],
};

/** Repeats `x` along axes of size 1 until it has `shape`. */
export function expand(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  return applyRule("expand", shaped(shape, expandRule), [x, shapeVector(x.graph, shape)]);
}

const transposeRule: Rule = {
  infer: ([x], attributes) =>
    x ? [{ dtype: x.dtype, shape: list(attributes["perm"]).map((axis) => sizeAt(x, axis)) }] : [],
  onnx: "Transpose",
  gradient: (node, [g]) => {
    const perm = list(node.attributes["perm"]);
    return [
      g &&
        transpose(
          g,
          perm.map((_, axis) => perm.indexOf(axis)),
        ),
    ];
  },
};

/** Reorders axes: axis `i` of the result is axis `perm[i]` of `x`. */
export function transpose(x: Node, perm: readonly number[]): Node {
  return applyRule("transpose", transposeRule, [x], { perm });
}

const reduceSumRule: Rule = {
  infer: ([x], attributes) => {
    if (x === undefined) return [];
    const axes = list(attributes["axes"]);
    const shape = x.shape.flatMap((size, axis) =>
      axes.includes(axis) ? (attributes["keep"] === true ? [1] : []) : [size],
    );
    return [{ dtype: x.dtype, shape }];
  },
  emit: (emitter, node, [x = ""]) =>
    emitter.add("ReduceSum", [x, emitter.integers(list(node.attributes["axes"]))], {
      keepdims: node.attributes["keep"] === true ? 1 : 0,
    }),
  gradient: (node, [g]) => {
    const { shape } = inputAt(node, 0);
    const axes = list(node.attributes["axes"]);
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [g && expand(reshape(g, kept), shape)];
  },
};

/** Adds up along `axes`; with `keep` they remain with size 1. */
export function reduceSum(x: Node, axes: readonly number[], keep = false): Node {
  return applyRule("reduceSum", reduceSumRule, [x], { axes, keep });
}

/**
 * Adds up what broadcasting repeated, so that the result has `shape` (every gradient's last step).
 */
export function sumTo(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const extra = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) =>
    axis < extra || (shape[axis - extra] === 1 && size !== 1) ? [axis] : [],
  );
  return reshape(axes.length === 0 ? x : reduceSum(x, axes, true), shape);
}

const sliceRule: Rule = {
  infer: ([x], attributes) => {
    if (x === undefined) return [];
    const axis = Number(attributes["axis"]);
    const size = Number(attributes["end"]) - Number(attributes["start"]);
    return [{ dtype: x.dtype, shape: x.shape.with(axis, size) }];
  },
  emit: (emitter, node, [x = ""]) => {
    const one = (name: string) => emitter.integers([Number(node.attributes[name])]);
    return emitter.add("Slice", [x, one("start"), one("end"), one("axis")]);
  },
  gradient: (node, [g]) => {
    const axis = Number(node.attributes["axis"]);
    const after = fixedSizeAt(inputAt(node, 0), axis) - Number(node.attributes["end"]);
    return [g && pad(g, axis, Number(node.attributes["start"]), after)];
  },
};

/** The part `start`..`end` of `axis`. */
export function slice(x: Node, axis: number, start: number, end: number): Node {
  return applyRule("slice", sliceRule, [x], { axis, start, end });
}

const padRule: Rule = {
  infer: ([x], attributes) => {
    if (x === undefined) return [];
    const axis = Number(attributes["axis"]);
    const added = Number(attributes["before"]) + Number(attributes["after"]);
    return [{ dtype: x.dtype, shape: x.shape.with(axis, sumOf(sizeAt(x, axis), added)) }];
  },
  emit: (emitter, node, [x = ""]) => {
    const { before, after, axis } = node.attributes;
    if (node.graph.kernels === "plain") {
      const at = (value: Attribute | undefined) =>
        node.shape.map((_, place) => (place === axis ? Number(value) : 0));
      return emitter.add("Pad", [x, emitter.integers([...at(before), ...at(after)])]);
    }
    const pads = emitter.integers([Number(before), Number(after)]);
    return emitter.add("Pad", [x, pads, "", emitter.integers([Number(axis)])]);
  },
  gradient: (node, [g]) => {
    const axis = Number(node.attributes["axis"]);
    const start = Number(node.attributes["before"]);
    return [g && slice(g, axis, start, start + fixedSizeAt(inputAt(node, 0), axis))];
  },
};

/** Adds zeros before and after along `axis`. */
export function pad(x: Node, axis: number, before: number, after: number): Node {
  if (before === 0 && after === 0) return x;
  return applyRule("pad", padRule, [x], { axis, before, after });
}

const concatRule: Rule = {
  infer: (inputs, attributes) => {
    const [first] = inputs;
    if (first === undefined) return [];
    const axis = Number(attributes["axis"]);
    const size = sumOf(...inputs.map((input) => sizeAt(input, axis)));
    return [{ dtype: first.dtype, shape: first.shape.with(axis, size) }];
  },
  onnx: "Concat",
  gradient: (node, [g]) => {
    const axis = Number(node.attributes["axis"]);
    let start = 0;
    return node.inputs.map((input) => {
      const from = start;
      start += fixedSizeAt(input, axis);
      return g && slice(g, axis, from, start);
    });
  },
};

/** Puts tensors behind one another along `axis`. */
export function concat(parts: readonly Node[], axis: number): Node {
  const [only] = parts;
  return parts.length === 1 && only ? only : applyRule("concat", concatRule, parts, { axis });
}

/** Zeros of `shape`, in the type of `like`. */
export function zeros(like: Node, shape: Shape): Node {
  return expand(scalar(like.graph, 0, like.dtype), shape);
}

const gatherRule: Rule = {
  infer: ([x, index], attributes) => {
    if (x === undefined || index === undefined) return [];
    const axis = Number(attributes["axis"]);
    const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
    return [{ dtype: x.dtype, shape }];
  },
  onnx: "Gather",
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    if (node.attributes["axis"] !== 0)
      throw new GraphError("gather", `no gradient along axis ${node.attributes["axis"]}`);
    return [scatterAddRows(inputAt(node, 0).shape, inputAt(node, 1), g)];
  },
};

/** Takes the entries `index` (int64, any shape) of `axis`. */
export function gather(x: Node, index: Node, axis = 0): Node {
  return applyRule("gather", gatherRule, [x, index], { axis });
}

/**
 * ScatterElements and not ScatterND: with several threads onnxruntime's ScatterND adds to a row
 * that repeats in whatever order the threads come, and the sum's last bits change from run to run
 * (I4).
 */
const scatterAddRowsRule: Omit<Rule, "infer"> = {
  emit: (emitter, _node, [zero = "", index = "", rows = ""]) => {
    const [size = ""] = emitter.add("Shape", [rows]);
    const [places = ""] = emitter.add("Expand", [index, size]);
    return emitter.add("ScatterElements", [zero, places, rows], { axis: 0, reduction: "add" });
  },
  gradient: (node, [g]) => {
    const index = inputAt(node, 1);
    return [undefined, undefined, g && gather(g, reshape(index, index.shape.slice(0, 1)))];
  },
};

/** Zeros of `shape` to whose rows `index` the rows `values` are added; rows may repeat. */
export function scatterAddRows(shape: Shape, index: Node, values: Node): Node {
  const count = elementCount(index.shape);
  const rows = reshape(values, [count, ...shape.slice(1)]);
  const ones = shape.slice(1).map(() => 1);
  const inputs = [zeros(values, shape), reshape(index, [count, ...ones]), rows];
  return applyRule("scatterAddRows", shaped(shape, scatterAddRowsRule), inputs);
}

const replaceRowsRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
  emit: (emitter, _node, [x = "", index = "", rows = ""]) =>
    emitter.add("ScatterND", [x, index, rows]),
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const index = inputAt(node, 1);
    const rows = inputAt(node, 2);
    const blank = zeros(g, rows.shape);
    const kept = applyRule("replaceRows", replaceRowsRule, [g, index, blank]);
    return [kept, undefined, gather(g, reshape(index, index.shape.slice(0, -1)))];
  },
};

/**
 * `x` [n, ...] with its rows `index` (int64 [k], each at most once) replaced by `rows` [k, ...].
 */
export function replaceRows(x: Node, index: Node, rows: Node): Node {
  const [count = 0] = index.shape as readonly Dimension[];
  return applyRule("replaceRows", replaceRowsRule, [x, reshape(index, [count, 1]), rows]);
}

const regroupRowsRule: Rule = {
  infer: ([x, index]) =>
    x && index ? [{ dtype: x.dtype, shape: [...index.shape, ...x.shape.slice(1)] }] : [],
  emit: (emitter, _node, [x = "", index = ""]) => emitter.add("Gather", [x, index], { axis: 0 }),
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const index = inputAt(node, 1);
    const flat = reshape(g, [elementCount(index.shape), ...g.shape.slice(index.shape.length)]);
    return [gather(flat, inputAt(node, 2))];
  },
};

/**
 * Rows of `x` at `index`, where every row of `x` has one home: `inverse[i]` is the flat slot of row
 * `i`. Slots that are nobody's home may repeat any row but must not reach the loss. Then the
 * gradient is a gather by `inverse`, which no duplicate can make slow or order-dependent.
 */
export function regroupRows(x: Node, index: Node, inverse: Node): Node {
  return applyRule("regroupRows", regroupRowsRule, [x, index, inverse]);
}

/** The rules of this file by name, for differentiation and emission. */
export const structureRules: RuleTable = {
  reshape: shaped([], reshapeRule),
  expand: shaped([], expandRule),
  transpose: transposeRule,
  reduceSum: reduceSumRule,
  slice: sliceRule,
  pad: padRule,
  concat: concatRule,
  gather: gatherRule,
  scatterAddRows: shaped([], scatterAddRowsRule),
  replaceRows: replaceRowsRule,
  regroupRows: regroupRowsRule,
};
