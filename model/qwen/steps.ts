// A turn token by token, for devices without ONNX's Loop: one run reads the contexts and chooses
// the first token, each further run chooses one more. The caches go out of a run and into the next,
// so their owner decides where they stay; on WebGPU they never leave the device.
//   S1. The runs give the turn of `generate.ts`: both are made of the same two pieces of graph.
import type { Node } from "../graph/index.ts";
import { branch } from "../graph/index.ts";
import { generateInputs, nextToken, openTurn } from "./generate.ts";
import { afterName, turnStateName } from "./resume.ts";
import type { Weights } from "./weights.ts";

/** A graph that makes one token, and which of its outputs are caches. */
export interface StepGraph {
  /** `token`, `logProb`, `entropy` [rows], and the state after it. */
  readonly outputs: Record<string, Node>;
  /** Inputs that hold a cache; each has an output of its `afterName`. */
  readonly cacheNames: readonly string[];
}

/**
 * The input `resume` (bool) says whether the state comes in, which `round` (int64, from 0) goes on
 * from; else the contexts are read.
 */
export function stepOutputs(weights: Weights): StepGraph {
  const { graph } = weights;
  const inputs = generateInputs(weights);
  const fresh = openTurn(weights, inputs);
  const given = {
    token: graph.input(turnStateName(0), "int64", [inputs.rows]),
    done: graph.input(turnStateName(1), "bool", [inputs.rows]),
    caches: fresh.state.caches.map(({ dtype, shape }, index) =>
      graph.input(turnStateName(2 + index), dtype, shape),
    ),
  };
  const next = nextToken(weights, inputs, graph.input("round", "int64", []), given);
  const listed = ({ choice, state }: typeof next) => [
    state.token,
    state.done,
    ...state.caches,
    choice.logProb,
    choice.entropy,
  ];
  const chosen = branch(graph.input("resume", "bool", []), listed(next), listed(fresh));
  const cacheNames = given.caches.map((_, index) => turnStateName(2 + index));
  const names = [turnStateName(0), turnStateName(1), ...cacheNames].map(afterName);
  const outputs = [...names, "logProb", "entropy"].map((name, index) => [
    name,
    chosen[index] as Node,
  ]);
  return { outputs: Object.fromEntries(outputs), cacheNames };
}
