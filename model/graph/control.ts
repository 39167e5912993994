// Control flow: one branch of two, and a loop that carries state.

import { item } from "./composite.ts";
import { scalar } from "./constants.ts";
import { dimension, dimensionKey, sameDimension, shapeKey } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { Node, Subgraph } from "./node.ts";
import { describe } from "./node.ts";

/**
 * `then` where `condition` (bool, no axes) holds, else `otherwise`: lists of equal length and
 * types. What only one branch needs runs only there; what both need, or anything outside, runs
 * before. Sizes may differ between the branches, ranks may not.
 */
export function branch(
  condition: Node,
  then: readonly Node[],
  otherwise: readonly Node[],
): readonly Node[] {
  const { graph } = condition;
  if (then.length !== otherwise.length || then.length === 0)
    throw new GraphError("branch", "both branches must give the same number of results");
  for (const [index, node] of then.entries()) {
    const other = otherwise[index];
    if (other?.dtype !== node.dtype || other.shape.length !== node.shape.length)
      throw new GraphError("branch", `result ${index} differs in type: ${describe(node)}`);
  }
  const subgraphs: Subgraph[] = [then, otherwise].map((results) => ({ bound: [], results }));
  const results = then.map(({ dtype, shape }, index) => ({
    dtype,
    shape: shape.map((size, axis) => {
      const other = otherwise[index]?.shape[axis] ?? size;
      return sameDimension(size, other) ? size : dimension(`either ${dimensionKey(size)}`);
    }),
  }));
  const node = graph.make({ op: "branch", inputs: [condition], results, subgraphs });
  return results.map((_, index) => item(node, index));
}

/** What the body of a loop gives back. */
export interface LoopStep {
  /** Whether another round follows. */
  readonly goOn: Node;
  /** The state for the next round, in the shapes and types in which it came. */
  readonly state: readonly Node[];
  /** Values kept from every round. */
  readonly collected: readonly Node[];
}

/** The state after the last round, and what was collected, stacked along a new first axis. */
export interface LoopResult {
  readonly state: readonly Node[];
  readonly collected: readonly Node[];
}

interface LoopOptions {
  /** The most rounds, int64 without axes. */
  readonly rounds: Node;
  /** Whether the first round runs, bool without axes. */
  readonly start: Node;
  readonly state: readonly Node[];
  /** Size of the first axis of what is collected (the rounds that ran; any name will do). */
  readonly collectedSize: Node["shape"][number];
  readonly body: (round: Node, state: readonly Node[]) => LoopStep;
}

/** Repeats `body` while it says so. What does not depend on the state runs once, before. */
export function loop(options: LoopOptions): LoopResult {
  const { graph } = options.rounds;
  const bound = [scalarLike(options.rounds), scalarLike(options.start), ...options.state].map(
    ({ dtype, shape }) => graph.make({ op: "bound", results: [{ dtype, shape }] }),
  );
  const [round, , ...state] = bound;
  if (round === undefined) throw new GraphError("loop", "a loop needs a round counter");
  const step = options.body(round, state);
  for (const [index, before] of options.state.entries()) {
    const after = step.state[index];
    if (after?.dtype !== before.dtype || shapeKey(after.shape) !== shapeKey(before.shape))
      throw new GraphError("loop", `state ${index} changes: ${describe(before)}`);
  }
  const results = [
    ...options.state.map(({ dtype, shape }) => ({ dtype, shape })),
    ...step.collected.map(({ dtype, shape }) => ({
      dtype,
      shape: [options.collectedSize, ...shape],
    })),
  ];
  const inner = [step.goOn, ...step.state, ...step.collected];
  const node = graph.make({
    op: "loop",
    inputs: [options.rounds, options.start, ...options.state],
    results,
    subgraphs: [{ bound, results: inner }],
  });
  const count = options.state.length;
  const all = results.map((_, index) => item(node, index));
  return { state: all.slice(0, count), collected: all.slice(count) };
}

function scalarLike(node: Node): Node {
  return scalar(node.graph, 0, node.dtype);
}
