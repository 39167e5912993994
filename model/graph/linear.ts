// Matrix products. Weights keep the [out, in] layout of the checkpoint: the transposes that a
// product and its two gradients need are flags of the product, never copies.

import { sameDimension, sameShape } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { Node } from "./node.ts";
import { describe } from "./node.ts";
import type { Rule, RuleTable } from "./rule.ts";
import { applyRule, inputAt, mayFuse, sizeAt } from "./rule.ts";
import { sumTo } from "./structure.ts";

/** How a product reads its operands: transposed or not, and scaled by `alpha`. */
export interface ProductOptions {
  readonly transposeLeft?: boolean;
  readonly transposeRight?: boolean;
  readonly alpha?: number;
}

type Product = (left: Node, right: Node, options: ProductOptions) => Node;

function inferProduct(op: string, node: { readonly inputs: readonly Node[] }, flags: Flags) {
  const [left, right] = [inputAt(node, 0), inputAt(node, 1)];
  const [rows, inner] = flags.left ? [-1, -2] : [-2, -1];
  const [innerRight, columns] = flags.right ? [-1, -2] : [-2, -1];
  const batched = sameShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  if (!batched || !sameDimension(sizeAt(left, inner), sizeAt(right, innerRight)))
    throw new GraphError(op, `operands do not fit: ${describe(left)} by ${describe(right)}`);
  const shape = [...left.shape.slice(0, -2), sizeAt(left, rows), sizeAt(right, columns)];
  return [{ dtype: left.dtype, shape }];
}

interface Flags {
  readonly left: boolean;
  readonly right: boolean;
  readonly alpha: number;
}

function flagsOf(attributes: Node["attributes"]): Flags {
  return {
    left: attributes["transposeLeft"] === true,
    right: attributes["transposeRight"] === true,
    alpha: Number(attributes["alpha"]),
  };
}

/** dA and dB of y = alpha op(A) op(B), each again one product. */
function productGradients(node: Node, g: Node, product: Product): readonly Node[] {
  const { left, right, alpha } = flagsOf(node.attributes);
  const [a, b] = [inputAt(node, 0), inputAt(node, 1)];
  const of = (x: Node, y: Node, transposeLeft: boolean, transposeRight: boolean) =>
    product(x, y, { transposeLeft, transposeRight, alpha });
  return [
    left ? of(b, g, right, true) : of(g, b, false, !right),
    right ? of(g, a, true, left) : of(a, g, !left, false),
  ];
}

const gemmRule: Rule = {
  infer: (inputs, attributes) => inferProduct("gemm", { inputs }, flagsOf(attributes)),
  emit: (emitter, node, inputs) => {
    const { left, right, alpha } = flagsOf(node.attributes);
    const attributes = { transA: Number(left), transB: Number(right), alpha: { float: alpha } };
    return emitter.add("Gemm", inputs, attributes);
  },
  gradient: (node, [g]) => {
    if (g === undefined) return [];
    const added = node.inputs[2];
    const products = productGradients(node, g, gemm);
    return added === undefined ? products : [...products, sumTo(g, added.shape)];
  },
};

/** alpha op(left) op(right) + added, for matrices; `added` broadcasts. */
export function gemm(left: Node, right: Node, options: ProductOptions = {}, added?: Node): Node {
  const attributes = attributesOf(options);
  const inputs = added === undefined ? [left, right] : [left, right, added];
  return applyRule("gemm", gemmRule, inputs, attributes);
}

/** x weight^T + bias for x [n, in] and weight [out, in]. */
export function linear(x: Node, weight: Node, bias?: Node): Node {
  return gemm(x, weight, { transposeRight: true }, bias);
}

const matmulRule: Rule = {
  infer: (inputs, attributes) => inferProduct("matmul", { inputs }, flagsOf(attributes)),
  emit: (emitter, node, [a = "", b = ""]) => {
    const { left, right, alpha } = flagsOf(node.attributes);
    if (mayFuse(node)) {
      const attributes = { transA: Number(left), transB: Number(right), alpha: { float: alpha } };
      return emitter.add("FusedMatMul", [a, b], attributes, { domain: "com.microsoft" });
    }
    const rank = node.shape.length;
    const perm = Array.from({ length: rank }, (_, axis) =>
      axis < rank - 2 ? axis : 2 * rank - 3 - axis,
    );
    const swapped = (name: string) => emitter.add("Transpose", [name], { perm })[0] ?? "";
    const product = emitter.add("MatMul", [left ? swapped(a) : a, right ? swapped(b) : b]);
    return alpha === 1 ? product : emitter.add("Mul", [...product, emitter.number(alpha)]);
  },
  gradient: (node, [g]) => (g ? productGradients(node, g, matmul) : []),
};

/** alpha op(left) op(right) over the last two axes; leading axes are equal in both. */
export function matmul(left: Node, right: Node, options: ProductOptions = {}): Node {
  return applyRule("matmul", matmulRule, [left, right], attributesOf(options));
}

function attributesOf(options: ProductOptions): Node["attributes"] {
  const { transposeLeft = false, transposeRight = false, alpha = 1 } = options;
  return { transposeLeft, transposeRight, alpha };
}

/** The rules of this file by name. */
export const linearRules: RuleTable = { gemm: gemmRule, matmul: matmulRule };
