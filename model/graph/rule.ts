// The shape of an entry in the operation table, and how a node is made from one. An entry is data:
// what the operation gives, how its gradient reads, and which ONNX operation it becomes.
import type { Dimension, Shape } from "./dimension.ts";
import { sameDimension, shapeKey } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { Attribute, DataType, Node, ResultType } from "./node.ts";
import { describe } from "./node.ts";

type Attributes = Readonly<Record<string, Attribute>>;

/** Writes ONNX nodes for one graph node. Names are those of ONNX values. */
export interface Emitter {
  /** Adds an ONNX node and returns the names of its outputs. */
  add(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    options?: { readonly domain?: string; readonly outputs?: number },
  ): readonly string[];
  /** The name of a constant: whole numbers as a list, or one number in the node's float type. */
  integers(values: readonly number[]): string;
  number(value: number): string;
  /** Converts a value to another element type. */
  cast(input: string, to: DataType): readonly string[];
}

/** An ONNX attribute: numbers are integers unless wrapped as a float. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** An entry of the operation table. */
export interface Rule {
  /** Types and shapes of the results; throws `GraphError` on operands that do not fit. */
  readonly infer: (inputs: readonly Node[], attributes: Attributes) => readonly ResultType[];
  /**
   * Gradients by input from the gradients by result. An input without an entry gets none: either
   * it is not differentiable, or it is an intermediate that the rule already accounts for.
   */
  readonly gradient?: (
    node: Node,
    gradients: readonly (Node | undefined)[],
  ) => readonly (Node | undefined)[];
  /** The ONNX operation, when inputs and attributes carry over one to one. */
  readonly onnx?: string;
  /** Writes ONNX nodes when they do not; returns the output names by result. */
  readonly emit?: (emitter: Emitter, node: Node, inputs: readonly string[]) => readonly string[];
}

/** A table of operations by name. */
export type RuleTable = Readonly<Record<string, Rule>>;

/** Makes a node of `op` by `rule`, checking its operands. */
export function applyRule(
  op: string,
  rule: Rule,
  inputs: readonly Node[],
  attributes: Attributes = {},
): Node {
  const [first] = inputs;
  if (first === undefined) throw new GraphError(op, "an operation needs an input");
  if (inputs.some((input) => input.graph !== first.graph))
    throw new GraphError(op, "the inputs belong to different graphs");
  const results = rule.infer(inputs, attributes);
  const ids = inputs.map((input) => input.id).join(",");
  const types = results.map((result) => result.dtype + shapeKey(result.shape)).join(";");
  const key = `${op}(${ids})${JSON.stringify(attributes)}${types}`;
  return first.graph.make({ op, inputs, attributes, results, key });
}

/** The shape of an element-wise operation over operands that broadcast. */
export function broadcastShapes(op: string, ...nodes: readonly Node[]): Shape {
  const rank = Math.max(...nodes.map((node) => node.shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = nodes.map((node) => node.shape[axis - rank + node.shape.length] ?? 1);
    const size = sizes.find((candidate) => candidate !== 1) ?? 1;
    if (!sizes.every((other) => other === 1 || sameDimension(other, size)))
      throw new GraphError(op, `operands do not broadcast: ${nodes.map(describe).join(" | ")}`);
    return size;
  });
}

/** The n-th input; a missing one is a mistake in the rule or its caller. */
export function inputAt(node: { readonly inputs: readonly Node[] }, index: number): Node {
  const input = node.inputs[index];
  if (input === undefined) throw new GraphError("input", `operand ${index} is missing`);
  return input;
}

/** The size of `axis`, counted from the end when negative. */
export function sizeAt(node: Node, axis: number): Dimension {
  const size = node.shape.at(axis);
  if (size === undefined) throw new GraphError(node.op, `${describe(node)} has no axis ${axis}`);
  return size;
}

/** A size that must be known while the graph is built. */
export function fixedSizeAt(node: Node, axis: number): number {
  const size = sizeAt(node, axis);
  if (typeof size !== "number")
    throw new GraphError(node.op, `axis ${axis} of ${describe(node)} must have a fixed size`);
  return size;
}

/** Whether `node` may become one of onnxruntime's own operations, which exist for float32. */
export function mayFuse(node: Node): boolean {
  return node.dtype === "float32" && node.graph.kernels === "every";
}
