// Reverse-mode differentiation: walk from the loss to the parameters, rule by rule.
import { add } from "./elementwise.ts";
import { GraphError } from "./errors.ts";
import { gemm } from "./linear.ts";
import type { Node } from "./node.ts";
import { describe } from "./node.ts";
import { zeros } from "./structure.ts";
import { operationTable } from "./table.ts";

/**
 * Gradients of `seeds` (each output with the gradient that flows into it; for a scalar loss, 1)
 * with respect to `parameters`. A parameter that does not reach an output gets zeros.
 */
export function gradients(
  seeds: readonly (readonly [output: Node, gradient: Node])[],
  parameters: readonly Node[],
): readonly Node[] {
  const reached = descendants(
    parameters,
    seeds.map(([output]) => output),
  );
  const flows = new Map<Node, (Node | undefined)[]>();
  for (const [output, gradient] of seeds) accumulate(flows, output, 0, gradient);
  for (const node of [...reached].sort((a, b) => b.id - a.id)) {
    const incoming = flows.get(node);
    if (incoming === undefined || parameters.includes(node)) continue;
    propagate(flows, node, incoming, reached);
  }
  return parameters.map(
    (parameter) => flows.get(parameter)?.[0] ?? zeros(parameter, parameter.shape),
  );
}

/** Those of `parameters` on which an output depends. */
export function reachedParameters(
  outputs: readonly Node[],
  parameters: readonly Node[],
): ReadonlySet<Node> {
  const between = descendants(parameters, outputs);
  return new Set(parameters.filter((parameter) => between.has(parameter)));
}

type Flows = Map<Node, (Node | undefined)[]>;

function propagate(
  flows: Flows,
  node: Node,
  incoming: readonly (Node | undefined)[],
  reached: ReadonlySet<Node>,
): void {
  const [source] = node.inputs;
  if (node.op === "item" && source !== undefined) {
    const [gradient] = incoming;
    if (gradient) accumulate(flows, source, Number(node.attributes["index"]), gradient);
    return;
  }
  const rule = operationTable[node.op]?.gradient;
  if (rule === undefined) throw new GraphError(node.op, `no gradient rule for ${describe(node)}`);
  const outgoing = node.graph.within(`gradient of ${node.path}`, () => rule(node, incoming));
  for (const [index, input] of node.inputs.entries()) {
    const gradient = outgoing[index];
    if (gradient && reached.has(input)) accumulate(flows, input, 0, gradient);
  }
}

function accumulate(flows: Flows, node: Node, result: number, gradient: Node): void {
  const slots = flows.get(node) ?? [];
  const before = slots[result];
  slots[result] = before === undefined ? gradient : sumOfGradients(before, gradient);
  flows.set(node, slots);
}

/** A matrix product adds onto what came before in its own pass over the result. */
function sumOfGradients(before: Node, gradient: Node): Node {
  const [left, right, added] = gradient.inputs;
  if (gradient.op !== "gemm" || !left || !right || added) return add(before, gradient);
  return gemm(left, right, gradient.attributes, before);
}

/** The nodes between `parameters` and `outputs`, both included: the only ones gradients visit. */
function descendants(parameters: readonly Node[], outputs: readonly Node[]): Set<Node> {
  const depends = new Map<Node, boolean>(parameters.map((parameter) => [parameter, true]));
  const order: Node[] = [];
  const stack = [...outputs];
  const seen = new Set<Node>();
  while (stack.length > 0) {
    const node = stack.pop();
    if (node === undefined || seen.has(node)) continue;
    seen.add(node);
    order.push(node);
    stack.push(...node.inputs);
  }
  // Inputs have smaller ids than what uses them, so one ascending pass settles dependence.
  for (const node of order.toSorted((a, b) => a.id - b.id)) {
    if (!depends.has(node))
      depends.set(
        node,
        node.inputs.some((input) => depends.get(input)),
      );
  }
  return new Set(order.filter((node) => depends.get(node)));
}
