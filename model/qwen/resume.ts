// A turn in pieces, for who wants to see its tokens as they come: the graph of `generate.ts`, which
// can also go on from where an earlier run stopped.
//   P1. The pieces give the bytes of the whole turn: the same loop runs over the same state.
//   P2. The cache crosses into JavaScript between pieces. Rollouts, which do not look, never pay.
import type { Node } from "../graph/index.ts";
import { branch } from "../graph/index.ts";
import { generateInputs, openTurn, restOfTurn, type TurnState } from "./generate.ts";
import { nothingLike } from "./learn.ts";
import type { Weights } from "./weights.ts";

/**
 * The outputs of `generateOutputs`, and the state after them. The input `resume` (bool) says that
 * the state comes in; else contexts are read and the first token is chosen. In a run that resumes,
 * `rowLength`, `rowPosition`, `rowLimit` and `uniforms` count from the last token, and there are no
 * first tokens.
 */
export function resumableOutputs(weights: Weights): Record<string, Node> {
  const { graph } = weights;
  const inputs = generateInputs(weights);
  const { choice, state } = openTurn(weights, inputs);
  const given = [
    graph.input(turnStateName(0), "int64", [inputs.rows]),
    graph.input(turnStateName(1), "bool", [inputs.rows]),
    ...state.caches.map(({ dtype, shape }, index) =>
      graph.input(turnStateName(2 + index), dtype, shape),
    ),
  ];
  const fresh = [state.token, state.done, ...state.caches];
  const first = [choice.token, choice.logProb, choice.entropy];
  const chosen = branch(
    graph.input("resume", "bool", []),
    [...given, ...first.map(nothingLike)],
    [...fresh, ...first],
  );
  const [token, done, ...others] = chosen.slice(0, given.length);
  const [firstTokens, firstLogProbs, firstEntropies] = chosen.slice(given.length);
  if (!token || !done || !firstTokens || !firstLogProbs || !firstEntropies)
    throw new RangeError("a branch gives what it was given");
  const start: TurnState = { token, done, caches: others };
  const { collected, state: end } = restOfTurn(weights, inputs, start);
  const after = [end.token, end.done, ...end.caches].map((node, index) => [
    afterName(turnStateName(index)),
    node,
  ]);
  return {
    firstTokens,
    firstLogProbs,
    firstEntropies,
    ...collected,
    ...Object.fromEntries(after),
  };
}

/** The input that holds part `index` of the state: the last token, whether rows ended, caches. */
export function turnStateName(index: number): string {
  if (index < 2) return index === 0 ? "last token" : "ended";
  return `cache ${index - 2}`;
}

/** The output that becomes the input `name` of the next run. */
export function afterName(name: string): string {
  return `${name} after`;
}
