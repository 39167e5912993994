// The state of turns before their first token: what a run that reads contexts is fed in its place.
import type { Tensor } from "onnxruntime-node";
import type { ModelConfig } from "../config.ts";
import { turnStateName } from "../qwen/index.ts";
import type { Feeds } from "./session.ts";
import { floats, integers, truths } from "./session.ts";

/** Feeds for `rows` rows by the names of `turnStateName`: nobody's token, and empty caches. */
export function emptyTurnState({ text }: ModelConfig, rows: number): Feeds {
  const { keyValueHeadCount, headSize, layerCount } = text;
  const nothing = floats(new Float32Array(0), [rows, keyValueHeadCount, 0, headSize]);
  const state = new Map<string, Tensor>([
    [turnStateName(0), integers(new Array<number>(rows).fill(0), [rows])],
    [turnStateName(1), truths(new Array<boolean>(rows).fill(false), [rows])],
  ]);
  for (let index = 2; index < 2 + 2 * layerCount; index++) state.set(turnStateName(index), nothing);
  return state;
}
