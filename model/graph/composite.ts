// Operations with a gradient shorter than that of their parts: norms, softmax, rotary positions
// and the log-probability of a token.
import { scalar } from "./constants.ts";
import { exponential, multiply, negate, subtract } from "./elementwise.ts";
import { GraphError } from "./errors.ts";
import { matmul } from "./linear.ts";
import type { Node } from "./node.ts";
import { describe } from "./node.ts";
import type { Emitter, Rule, RuleTable } from "./rule.ts";
import { applyRule, fixedSizeAt, inputAt, mayFuse, sizeAt } from "./rule.ts";
import { reduceSum, reshape, sumTo } from "./structure.ts";

const same: Rule["infer"] = ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []);

/** Sum over the last axis, kept with size 1. */
function rowSum(x: Node): Node {
  return reduceSum(x, [x.shape.length - 1], true);
}

const softmaxRule: Rule = {
  infer: same,
  emit: (emitter, _node, [x = ""]) => emitter.add("Softmax", [x], { axis: -1 }),
  // dx = y g - y sum(y g)
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const weighted = multiply(g, node);
    return [subtract(weighted, multiply(node, rowSum(weighted)))];
  },
};

/** Softmax over the last axis. */
export function softmax(x: Node): Node {
  return applyRule("softmax", softmaxRule, [x]);
}

// y = softmax(alpha q k^T + mask) v with the softmax p as an operand of its own. With d = sum(g y)
// over the head (as in FlashAttention, arXiv 2205.14135, appendix B.2) the softmax's gradient is
// p (g v^T - d): no pass over the scores is needed for d.
const mixValuesRule: Rule = {
  infer: ([weights, value]) =>
    weights && value
      ? [{ dtype: value.dtype, shape: weights.shape.with(-1, sizeAt(value, -1)) }]
      : [],
  emit: (emitter, node, [weights = "", value = ""]) =>
    mayFuse(node)
      ? emitter.add("FusedMatMul", [weights, value], {}, { domain: "com.microsoft" })
      : emitter.add("MatMul", [weights, value]),
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [weights, value, query, key] = [0, 1, 2, 3].map((index) => inputAt(node, index));
    if (!weights || !value || !query || !key) return [];
    const alpha = Number(node.attributes["alpha"]);
    const along = rowSum(multiply(g, node));
    const toWeights = matmul(g, value, { transposeRight: true });
    const toScores = multiply(weights, subtract(toWeights, along));
    return [
      undefined,
      matmul(weights, g, { transposeLeft: true }),
      matmul(toScores, key, { alpha }),
      matmul(toScores, query, { transposeLeft: true, alpha }),
    ];
  },
};

/**
 * softmax(alpha query key^T + mask) value over the last two axes. `masked` turns raw scores
 * [..., queries, keys] into masked ones of the same shape; its mask has no gradient.
 */
export function attention(
  query: Node,
  key: Node,
  value: Node,
  alpha: number,
  masked: (scores: Node) => Node,
): Node {
  const scores = masked(matmul(query, key, { transposeRight: true, alpha }));
  const inputs = [softmax(scores), value, query, key];
  return applyRule("mixValues", mixValuesRule, inputs, { alpha });
}

const logSoftmaxRule: Rule = {
  infer: same,
  emit: (emitter, node, [x = ""]) =>
    node.graph.kernels === "every"
      ? emitter.add("LogSoftmax", [x], { axis: -1 })
      : emitPlainLogSoftmax(emitter, x),
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    return [subtract(g, multiply(exponential(node), rowSum(g)))];
  },
};

/** x - max x - log sum exp(x - max x). */
function emitPlainLogSoftmax(emitter: Emitter, x: string): readonly string[] {
  const axis = emitter.integers([-1]);
  const one = (type: string, ...of: string[]) => emitter.add(type, of)[0] ?? "";
  const over = (type: string, of: string) =>
    emitter.add(type, [of, axis], { keepdims: 1 })[0] ?? "";
  const shifted = one("Sub", x, over("ReduceMax", x));
  return emitter.add("Sub", [shifted, one("Log", over("ReduceSum", one("Exp", shifted)))]);
}

/** Logarithm of the softmax over the last axis. */
export function logSoftmax(x: Node): Node {
  return applyRule("logSoftmax", logSoftmaxRule, [x]);
}

const rmsNormRule: Rule = {
  infer: ([x]) =>
    x
      ? [
          { dtype: x.dtype, shape: x.shape },
          { dtype: x.dtype, shape: x.shape.with(-1, 1) },
        ]
      : [],
  emit: (emitter, node, inputs) => {
    const epsilon = Number(node.attributes["epsilon"]);
    // WebGPU's kernel gives the mean as its second result, where the gradient wants 1 / rms.
    if (mayFuse(node)) {
      const attributes = { axis: -1, epsilon: { float: epsilon } };
      return emitter.add("SimplifiedLayerNormalization", inputs, attributes, { outputs: 2 });
    }
    const [x = "", weight = ""] = inputs;
    const one = (type: string, ...of: string[]) => emitter.add(type, of)[0] ?? "";
    const axis = emitter.integers([-1]);
    const mean = emitter.add("ReduceMean", [one("Mul", x, x), axis], { keepdims: 1 })[0] ?? "";
    const inverse = one("Reciprocal", one("Sqrt", one("Add", mean, emitter.number(epsilon))));
    return [one("Mul", one("Mul", x, inverse), weight), inverse];
  },
  // With n = x / rms and h = g w: dx = (h - n mean(n h)) / rms, dw = sum(g n).
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [x, weight] = [inputAt(node, 0), inputAt(node, 1)];
    const inverse = item(node, 1);
    const normal = multiply(x, inverse);
    const scaled = multiply(g, weight);
    const share = scalar(node.graph, 1 / fixedSizeAt(x, -1));
    const mean = multiply(rowSum(multiply(normal, scaled)), share);
    const dx = multiply(subtract(scaled, multiply(normal, mean)), inverse);
    return [dx, sumTo(multiply(g, normal), weight.shape)];
  },
};

/** x / sqrt(mean(x²) + epsilon) * weight over the last axis. */
export function rmsNorm(x: Node, weight: Node, epsilon: number): Node {
  return applyRule("rmsNorm", rmsNormRule, [x, weight], { epsilon });
}

const itemRule: Rule = {
  infer: ([node], attributes) => {
    const result = node?.results[Number(attributes["index"])];
    return result ? [result] : [];
  },
};

/** Result `index` of a node with several results. */
export function item(node: Node, index: number): Node {
  return applyRule("item", itemRule, [node], { index });
}

const rotaryRule: Rule = {
  infer: ([x, cosine], attributes) => {
    if (x === undefined || cosine === undefined) return [];
    const half = fixedSizeAt(cosine, -1);
    if (fixedSizeAt(x, -1) !== Number(attributes["heads"]) * half * 2)
      throw new GraphError("rotary", `${describe(x)} does not fit ${describe(cosine)}`);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  emit: (emitter, node, inputs) =>
    mayFuse(node) ? emitFusedRotary(emitter, node, inputs) : emitPlainRotary(emitter, node, inputs),
  // A rotation's transpose is the rotation back.
  gradient: (node, [g]) => {
    const [cosine, sine] = [inputAt(node, 1), inputAt(node, 2)];
    return [g && rotary(g, cosine, negate(sine), Number(node.attributes["heads"]))];
  },
};

function emitFusedRotary(
  emitter: Emitter,
  node: Node,
  inputs: readonly string[],
): readonly string[] {
  const axis = emitter.integers([0]);
  const batched = inputs.map((name) => emitter.add("Unsqueeze", [name, axis])[0] ?? "");
  const heads = Number(node.attributes["heads"]);
  const rotated = emitter.add("RotaryEmbedding", batched, { num_heads: heads });
  return emitter.add("Squeeze", [...rotated, axis]);
}

function emitPlainRotary(
  emitter: Emitter,
  node: Node,
  [x = "", cosine = "", sine = ""]: readonly string[],
): readonly string[] {
  const heads = Number(node.attributes["heads"]);
  const size = fixedSizeAt(node, -1) / heads;
  const one = (type: string, ...of: string[]) => emitter.add(type, of)[0] ?? "";
  const number = (value: number) => emitter.integers([value]);
  const split = one("Reshape", x, emitter.integers([0, heads, size]));
  const half = (from: number) =>
    one("Slice", split, number(from), number(from + size / 2), number(2));
  const [first, second] = [half(0), half(size / 2)];
  const [c, s] = [one("Unsqueeze", cosine, number(1)), one("Unsqueeze", sine, number(1))];
  const low = one("Sub", one("Mul", first, c), one("Mul", second, s));
  const high = one("Add", one("Mul", second, c), one("Mul", first, s));
  const [joined = ""] = emitter.add("Concat", [low, high], { axis: 2 });
  return emitter.add("Reshape", [joined, emitter.integers([0, heads * size])]);
}

/**
 * Rotates the halves of each head of `x` [n, heads * size] by angles given as `cosine` and `sine`
 * [n, size / 2] (the "rotate half" form of RoPE).
 */
export function rotary(x: Node, cosine: Node, sine: Node, heads: number): Node {
  return applyRule("rotary", rotaryRule, [x, cosine, sine], { heads });
}

const pickLogProbRule: Rule = {
  infer: ([logits]) => (logits ? [{ dtype: logits.dtype, shape: [sizeAt(logits, 0)] }] : []),
  emit: (emitter, _node, [, logs = "", labels = ""]) => {
    const axis = emitter.integers([1]);
    const [column = ""] = emitter.add("Unsqueeze", [labels, axis]);
    const picked = emitter.add("GatherElements", [logs, column], { axis: 1 });
    return emitter.add("Squeeze", [...picked, axis]);
  },
  // d log p(label) / d logits = onehot(label) - p; the label's 1 is added in place.
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const [logs, labels] = [inputAt(node, 1), inputAt(node, 2)];
    const rows = sizeAt(logs, 0);
    const column = reshape(g, [rows, 1]);
    const spread = multiply(exponential(logs), negate(column));
    return [applyRule("addAt", addAtRule, [spread, reshape(labels, [rows, 1]), column])];
  },
};

const addAtRule: Rule = {
  infer: same,
  emit: (emitter, _node, inputs) =>
    emitter.add("ScatterElements", inputs, { axis: 1, reduction: "add" }),
};

/** log softmax(logits)[label] per row: `logits` [n, v], `labels` int64 [n], result [n]. */
export function pickLogProb(logits: Node, labels: Node): Node {
  return applyRule("pickLogProb", pickLogProbRule, [logits, logSoftmax(logits), labels]);
}

/** Entropy of softmax(logits) per row, in nats: [n, v] to [n]. Not differentiable. */
export function entropyOf(logits: Node): Node {
  const logs = logSoftmax(logits);
  return negate(reduceSum(multiply(exponential(logs), logs), [1]));
}

/** The rules of this file by name. */
export const compositeRules: RuleTable = {
  softmax: softmaxRule,
  mixValues: mixValuesRule,
  logSoftmax: logSoftmaxRule,
  rmsNorm: rmsNormRule,
  item: itemRule,
  rotary: rotaryRule,
  pickLogProb: pickLogProbRule,
  addAt: addAtRule,
};
