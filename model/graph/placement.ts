// Decides in which (sub)graph each node runs:
//   P1. A node runs where all its users can see it: the innermost scope that holds them all.
//   P2. A node never runs inside a loop on whose state it does not depend: it is lifted out.
//   P3. Hence what only one branch needs runs only when that branch is taken.
//   P4. Where stored weights are widened at use, that is no node of a scope: the writer adds it in
//       front of each use, and its result is gone after it.
import { assert } from "../../events/index.ts";
import type { Node, Subgraph } from "./node.ts";

/** A place where nodes run: the main graph, the body of a loop or one side of a branch. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly depth: number;
  readonly subgraph: Subgraph | undefined;
  /** The nodes that run here, in an order that respects their inputs. */
  readonly nodes: Node[];
}

/** Scopes of a graph: the main one, and one for every subgraph of every control node. */
export interface Placement {
  readonly main: Scope;
  readonly scopes: ReadonlyMap<Subgraph, Scope>;
}

const leaves = new Set(["input", "initializer", "constant", "bound"]);

/** Whether a node is a value that needs no computation. */
export function isLeaf(node: Node): boolean {
  return leaves.has(node.op);
}

/** Whether a node only widens a stored weight to the type that is computed with. */
export function widensWeight({ op, inputs }: Node): boolean {
  return op === "cast" && inputs[0]?.op === "initializer";
}

/** Places everything that `outputs` need; `widensAtUse` is P4. */
export function placeNodes(outputs: readonly Node[], widensAtUse = false): Placement {
  const nodes = reachable(outputs);
  const loops = loopDependence(nodes);
  const main: Scope = { parent: undefined, depth: 0, subgraph: undefined, nodes: [] };
  const scopes = new Map<Subgraph, Scope>();
  const wanted = new Map<Node, Scope>(outputs.map((output) => [output, main]));
  const want = (node: Node, scope: Scope) =>
    wanted.set(node, commonScope(wanted.get(node) ?? scope, scope));
  // Users have larger ids than what they use, so descending order meets all users first.
  for (const node of nodes.toReversed()) {
    if (isLeaf(node) || (widensAtUse && widensWeight(node))) continue;
    const innermost = wanted.get(node);
    assert(innermost !== undefined, `${node.op} has no user`);
    const scope = outOfLoops(innermost, loops.get(node));
    scope.nodes.push(node);
    for (const input of node.inputs) want(input, scope);
    for (const subgraph of node.subgraphs) {
      const inner: Scope = { parent: scope, depth: scope.depth + 1, subgraph, nodes: [] };
      scopes.set(subgraph, inner);
      for (const result of subgraph.results) want(result, inner);
    }
  }
  for (const scope of [main, ...scopes.values()]) scope.nodes.reverse();
  return { main, scopes };
}

/** P2: the innermost scope around `scope` that is no loop besides those depended on. */
function outOfLoops(
  scope: Scope,
  dependence: ReadonlySet<Subgraph | undefined> | undefined,
): Scope {
  let out = scope;
  while (out.parent && isLoopBody(out) && !dependence?.has(out.subgraph)) out = out.parent;
  return out;
}

/** Everything that `outputs` depend on, subgraphs included, by ascending id. */
export function reachable(outputs: readonly Node[]): Node[] {
  const seen = new Set<Node>();
  const stack = [...outputs];
  while (stack.length > 0) {
    const node = stack.pop();
    if (node === undefined || seen.has(node)) continue;
    seen.add(node);
    stack.push(...node.inputs, ...node.subgraphs.flatMap((subgraph) => subgraph.results));
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** For each node the loop bodies whose parameters it depends on. */
function loopDependence(nodes: readonly Node[]): Map<Node, Set<Subgraph | undefined>> {
  const owners = new Map<Node, Subgraph>();
  for (const subgraph of nodes.flatMap((node) => node.subgraphs))
    for (const parameter of subgraph.bound) owners.set(parameter, subgraph);
  const dependence = new Map<Node, Set<Subgraph | undefined>>();
  for (const node of nodes) {
    const owner = owners.get(node);
    const set = new Set<Subgraph | undefined>(owner ? [owner] : []);
    const sources = [...node.inputs, ...node.subgraphs.flatMap((subgraph) => subgraph.results)];
    for (const source of sources) for (const loop of dependence.get(source) ?? []) set.add(loop);
    for (const subgraph of node.subgraphs) set.delete(subgraph);
    dependence.set(node, set);
  }
  return dependence;
}

function isLoopBody(scope: Scope): boolean {
  return (scope.subgraph?.bound.length ?? 0) > 0;
}

function commonScope(a: Scope, b: Scope): Scope {
  let [left, right] = [a, b];
  while (left !== right) {
    const deeper = left.depth >= right.depth ? left : right;
    assert(deeper.parent !== undefined, "scopes share the main graph");
    if (deeper === left) left = deeper.parent;
    else right = deeper.parent;
  }
  return left;
}
