// Operations on single elements, with broadcasting.
import { scalar } from "./constants.ts";
import { GraphError } from "./errors.ts";
import type { DataType, Node } from "./node.ts";
import { describe } from "./node.ts";
import type { Emitter, Rule, RuleTable } from "./rule.ts";
import { applyRule, broadcastShapes, inputAt } from "./rule.ts";
import { sumTo } from "./structure.ts";

type Gradient = NonNullable<Rule["gradient"]>;

/** The type that all operands share. */
function sharedType(op: string, inputs: readonly Node[]): DataType {
  const [first] = inputs;
  if (first === undefined || inputs.some((input) => input.dtype !== first.dtype))
    throw new GraphError(op, `operands differ in type: ${inputs.map(describe).join(" | ")}`);
  return first.dtype;
}

function binary(op: string, onnx: string, gradient?: Gradient, result?: DataType): Rule {
  return {
    infer: (inputs) => {
      const dtype = sharedType(op, inputs);
      return [{ dtype: result ?? dtype, shape: broadcastShapes(op, ...inputs) }];
    },
    onnx,
    ...(gradient && { gradient }),
  };
}

function unary(onnx: string, gradient?: Gradient): Rule {
  return {
    infer: ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
    onnx,
    ...(gradient && { gradient }),
  };
}

/** The gradients of two operands, summed back over what broadcasting repeated. */
function both(node: Node, left: Node, right: Node): readonly Node[] {
  return [sumTo(left, inputAt(node, 0).shape), sumTo(right, inputAt(node, 1).shape)];
}

const addRule = binary("add", "Add", (node, [g]) => (g ? both(node, g, g) : []));
const subtractRule = binary("subtract", "Sub", (node, [g]) => {
  if (g === undefined) return [];
  return [sumTo(g, inputAt(node, 0).shape), negate(sumTo(g, inputAt(node, 1).shape))];
});
const multiplyRule = binary("multiply", "Mul", (node, [g]) =>
  g ? both(node, multiply(g, inputAt(node, 1)), multiply(g, inputAt(node, 0))) : [],
);
const divideRule = binary("divide", "Div", (node, [g]) => {
  if (g === undefined) return [];
  const quotient = divide(g, inputAt(node, 1));
  return both(node, quotient, negate(multiply(quotient, node)));
});
// Where both operands are equal the whole gradient goes to the first: one side only, as in
// max-pooling, so that the pair (min, its operands) never counts twice.
const minimumRule = binary("minimum", "Min", (node, [g]) => {
  if (g === undefined) return [];
  const [left, right] = [inputAt(node, 0), inputAt(node, 1)];
  const first = lessOrEqual(left, right);
  const zero = scalar(node.graph, 0);
  return both(node, where(first, g, zero), where(first, zero, g));
});
const negateRule = unary("Neg", (_node, [g]) => [g && negate(g)]);
const exponentialRule = unary("Exp", (node, [g]) => [g && multiply(g, node)]);
const sigmoidRule = unary("Sigmoid", (node, [g]) => {
  const slope = multiply(node, subtract(scalar(node.graph, 1), node));
  return [g && multiply(g, slope)];
});

// y = x * s with s = sigmoid(x) as a second operand: dy/dx = s + y (1 - s) in one pass over both.
const siluRule: Rule = {
  ...binary("silu", "Mul"),
  gradient: (node, [g]) => {
    const sigma = inputAt(node, 1);
    const slope = add(sigma, multiply(node, subtract(scalar(node.graph, 1), sigma)));
    return [g && multiply(g, slope)];
  },
};

// y = x Phi(x): dy/dx = Phi(x) + x phi(x), Phi and phi the normal distribution and its density.
const geluRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
  emit: (emitter, node, [x = ""]) => {
    if (node.dtype === "float32") return emitter.add("Gelu", [x]);
    const [scaled = ""] = emitter.add("Mul", [x, emitter.number(Math.SQRT1_2)]);
    const [erf = ""] = emitErrorFunction(emitter, node, [scaled]);
    const [above = ""] = emitter.add("Add", [erf, emitter.number(1)]);
    const [half = ""] = emitter.add("Mul", [x, emitter.number(0.5)]);
    return emitter.add("Mul", [half, above]);
  },
  gradient: (node, [g]) => {
    const x = inputAt(node, 0);
    const number = (value: number) => scalar(node.graph, value);
    const erf = applyRule("errorFunction", errorFunctionRule, [multiply(x, number(Math.SQRT1_2))]);
    const distribution = add(multiply(erf, number(0.5)), number(0.5));
    const gauss = exponential(multiply(multiply(x, x), number(-0.5)));
    const density = multiply(gauss, number(1 / Math.sqrt(2 * Math.PI)));
    return [g && multiply(g, add(distribution, multiply(x, density)))];
  },
};
const errorFunctionRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
  emit: emitErrorFunction,
};

/** Terms of the series below; enough for |x| up to 5 in float64. */
const errorFunctionTerms = 100;

// onnxruntime has Erf for float32 only. In float64 (proofs of gradients, never speed) the series
// erf x = 2 x exp(-x²) / sqrt(pi) (1 + 2x²/3 (1 + 2x²/5 (1 + ...))) has positive terms only.
function emitErrorFunction(
  emitter: Emitter,
  node: Node,
  [x = ""]: readonly string[],
): readonly string[] {
  if (node.dtype === "float32") return emitter.add("Erf", [x]);
  const one = (type: string, ...of: string[]) => emitter.add(type, of)[0] ?? "";
  const square = one("Mul", x, x);
  let series = emitter.number(1);
  for (let term = errorFunctionTerms; term > 0; term--) {
    const factor = one("Mul", square, emitter.number(2 / (2 * term + 1)));
    series = one("Add", one("Mul", factor, series), emitter.number(1));
  }
  const front = one("Mul", x, emitter.number(2 / Math.sqrt(Math.PI)));
  return [one("Mul", one("Mul", front, one("Exp", one("Neg", square))), series)];
}

const clipRule: Rule = {
  infer: ([x]) => (x ? [{ dtype: x.dtype, shape: x.shape }] : []),
  onnx: "Clip",
  gradient: (node, [g]) => {
    const inside = equal(inputAt(node, 0), node);
    return [g && where(inside, g, scalar(node.graph, 0))];
  },
};

const whereRule: Rule = {
  infer: ([condition, a, b]) => {
    if (!condition || !a || !b) return [];
    const dtype = sharedType("where", [a, b]);
    return [{ dtype, shape: broadcastShapes("where", condition, a, b) }];
  },
  onnx: "Where",
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const condition = inputAt(node, 0);
    const zero = scalar(node.graph, 0);
    const left = sumTo(where(condition, g, zero), inputAt(node, 1).shape);
    return [undefined, left, sumTo(where(condition, zero, g), inputAt(node, 2).shape)];
  },
};

const castRule: Rule = {
  infer: ([x], attributes) => (x ? [{ dtype: attributes["to"] as DataType, shape: x.shape }] : []),
  emit: (emitter, node, [x = ""]) => emitter.cast(x, node.dtype),
};

const equalRule = binary("equal", "Equal", undefined, "bool");
const lessOrEqualRule = binary("lessOrEqual", "LessOrEqual", undefined, "bool");
const lessRule = binary("less", "Less", undefined, "bool");
const andRule = binary("and", "And");
const orRule = binary("or", "Or");
const notRule = unary("Not");

/** The rules of this file by name. */
export const elementwiseRules: RuleTable = {
  add: addRule,
  subtract: subtractRule,
  multiply: multiplyRule,
  divide: divideRule,
  minimum: minimumRule,
  negate: negateRule,
  exponential: exponentialRule,
  sigmoid: sigmoidRule,
  silu: siluRule,
  gelu: geluRule,
  errorFunction: errorFunctionRule,
  clip: clipRule,
  where: whereRule,
  cast: castRule,
  equal: equalRule,
  lessOrEqual: lessOrEqualRule,
  less: lessRule,
  and: andRule,
  or: orRule,
  not: notRule,
};

/** a + b, broadcast. */
export function add(a: Node, b: Node): Node {
  return applyRule("add", addRule, [a, b]);
}

/** a - b, broadcast. */
export function subtract(a: Node, b: Node): Node {
  return applyRule("subtract", subtractRule, [a, b]);
}

/** a * b, broadcast. */
export function multiply(a: Node, b: Node): Node {
  return applyRule("multiply", multiplyRule, [a, b]);
}

/** a / b, broadcast. */
export function divide(a: Node, b: Node): Node {
  return applyRule("divide", divideRule, [a, b]);
}

/** The smaller of a and b. */
export function minimum(a: Node, b: Node): Node {
  return applyRule("minimum", minimumRule, [a, b]);
}

/** -x. */
export function negate(x: Node): Node {
  return applyRule("negate", negateRule, [x]);
}

/** e to the power of x. */
export function exponential(x: Node): Node {
  return applyRule("exponential", exponentialRule, [x]);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: Node): Node {
  return applyRule("sigmoid", sigmoidRule, [x]);
}

/** x sigmoid(x). */
export function silu(x: Node): Node {
  return applyRule("silu", siluRule, [x, sigmoid(x)]);
}

/** x times the normal distribution function at x (the exact form, by the error function). */
export function gelu(x: Node): Node {
  return applyRule("gelu", geluRule, [x]);
}

/** x held within scalars `low` and `high`. */
export function clip(x: Node, low: Node, high: Node): Node {
  return applyRule("clip", clipRule, [x, low, high]);
}

/** a where the condition holds, else b. */
export function where(condition: Node, a: Node, b: Node): Node {
  return applyRule("where", whereRule, [condition, a, b]);
}

/** x in another element type. */
export function cast(x: Node, to: DataType): Node {
  return x.dtype === to ? x : applyRule("cast", castRule, [x], { to });
}

/** a == b, bool. */
export function equal(a: Node, b: Node): Node {
  return applyRule("equal", equalRule, [a, b]);
}

/** a <= b, bool. */
export function lessOrEqual(a: Node, b: Node): Node {
  return applyRule("lessOrEqual", lessOrEqualRule, [a, b]);
}

/** a < b, bool. */
export function less(a: Node, b: Node): Node {
  return applyRule("less", lessRule, [a, b]);
}

/** a and b, bool. */
export function and(a: Node, b: Node): Node {
  return applyRule("and", andRule, [a, b]);
}

/** a or b, bool. */
export function or(a: Node, b: Node): Node {
  return applyRule("or", orRule, [a, b]);
}

/** not x, bool. */
export function not(x: Node): Node {
  return applyRule("not", notRule, [x]);
}
