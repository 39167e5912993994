// Operations that only generation needs: choosing a token and writing the key-value cache. None of
// them is differentiable.
import { sameDimension } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { Node } from "./node.ts";
import { describe } from "./node.ts";
import type { Emitter, Rule, RuleTable } from "./rule.ts";
import { applyRule, sizeAt } from "./rule.ts";

const argMaxRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: "int64", shape: x.shape.slice(0, -1) }] : []),
  emit: (emitter, _node, [x = ""]) => emitter.add("ArgMax", [x], { axis: -1, keepdims: 0 }),
};
const cumulativeSumRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
  emit: (emitter, node, [x = ""]) => {
    const axis = emitter.integers([node.shape.length - 1]);
    return emitter.add("CumSum", [x, axis]);
  },
};
const gatherAlongRule: Rule = {
  infer: ([x, index]) => (x && index ? [{ dtype: x.dtype, shape: index.shape }] : []),
  emit: (emitter, _node, inputs) => emitter.add("GatherElements", inputs, { axis: -1 }),
};
const gatherRowRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: x.dtype, shape: [sizeAt(x, 0), ...x.shape.slice(2)] }] : []),
  emit: (emitter, _node, inputs) => emitter.add("GatherND", inputs, { batch_dims: 1 }),
};
const writeAtRule: Rule = {
  infer: ([cache, update, index]) => {
    if (!cache || !update || !index) return [];
    if (!sameDimension(sizeAt(cache, 0), sizeAt(index, 0)))
      throw new GraphError("writeAt", `${describe(cache)} and ${describe(index)} differ in rows`);
    return [{ dtype: cache.dtype, shape: cache.shape }];
  },
  emit: (emitter, node, inputs) =>
    node.graph.kernels === "every"
      ? emitter.add("TensorScatter", inputs, { axis: -2 })
      : emitScatter(emitter, node, inputs),
};

/** By the place [row, head, column] of every update, for caches of four axes. */
function emitScatter(
  emitter: Emitter,
  node: Node,
  [cache = "", update = "", index = ""]: readonly string[],
): readonly string[] {
  if (node.shape.length !== 4) throw new GraphError("writeAt", `${describe(node)} needs four axes`);
  const one = (type: string, ...of: string[]) => emitter.add(type, of)[0] ?? "";
  const number = (value: number) => one("Squeeze", emitter.integers([value]));
  const size = one("Shape", update);
  const numbersAlong = (axis: number, ...shape: number[]) => {
    const end = one("Gather", size, number(axis));
    return one("Reshape", one("Range", number(0), end, number(1)), emitter.integers(shape));
  };
  const everywhere = one("Slice", size, emitter.integers([0]), emitter.integers([3]));
  const spread = (values: string) => one("Expand", values, everywhere);
  const parts = [
    spread(numbersAlong(0, -1, 1, 1)),
    spread(numbersAlong(1, 1, -1, 1)),
    spread(one("Reshape", index, emitter.integers([-1, 1, 1]))),
  ].map((part) => one("Unsqueeze", part, emitter.integers([3])));
  const [places = ""] = emitter.add("Concat", parts, { axis: 3 });
  return emitter.add("ScatterND", [cache, places, update]);
}
const allRule: Rule = {
  infer: () => [{ dtype: "bool", shape: [] }],
  emit: (emitter, _node, [x = ""]) => {
    const [numbers = ""] = emitter.cast(x, "int64");
    const [least = ""] = emitter.add("ReduceMin", [numbers], { keepdims: 0 });
    return emitter.cast(least, "bool");
  },
};

/** The rules of this file by name. */
export const selectionRules: RuleTable = {
  argMax: argMaxRule,
  cumulativeSum: cumulativeSumRule,
  gatherAlong: gatherAlongRule,
  gatherRow: gatherRowRule,
  writeAt: writeAtRule,
  all: allRule,
};

/** Index (int64) of the largest entry of the last axis; the first one among equals. */
export function argMax(x: Node): Node {
  return applyRule("argMax", argMaxRule, [x]);
}

/** Running sum along the last axis, from the left, one addition after the other. */
export function cumulativeSum(x: Node): Node {
  return applyRule("cumulativeSum", cumulativeSumRule, [x]);
}

/** Entries of the last axis by `index`, which has the rank of `x`. */
export function gatherAlong(x: Node, index: Node): Node {
  return applyRule("gatherAlong", gatherAlongRule, [x, index]);
}

/** The entry `index` [rows, 1] of the second axis of `x` [rows, n, ...], for each row its own. */
export function gatherRow(x: Node, index: Node): Node {
  return applyRule("gatherRow", gatherRowRule, [x, index]);
}

/** `cache` [rows, ..., columns, size] with `update` written at column `index[row]` of each row. */
export function writeAt(cache: Node, update: Node, index: Node): Node {
  return applyRule("writeAt", writeAtRule, [cache, update, index]);
}

/** Whether every entry is true. */
export function all(x: Node): Node {
  return applyRule("all", allRule, [x]);
}
