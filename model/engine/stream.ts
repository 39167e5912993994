// Samples one turn piece by piece, so that its tokens can be shown as they come. Together the
// pieces are the turn that `runGenerate` gives, byte for byte.
import type { Tensor } from "onnxruntime-node";
import { assert } from "../../events/index.ts";
import type { TensorMap } from "../qwen/index.ts";
import { afterName, turnStateName } from "../qwen/index.ts";
import type { GenerateOptions, GenerateRow, Turn } from "./generate.ts";
import { paddedRows, turnFeeds } from "./generate.ts";
import type { PolicyParts } from "./parts.ts";
import type { Feeds, Results } from "./session.ts";
import { floatResult, floats, integerResult, integers, truths } from "./session.ts";
import { type Step, StepRunner } from "./steps.ts";
import { emptyTurnState } from "./turn-state.ts";

/** The next tokens of a turn; `end` is there with the last of them. */
export interface TurnPiece extends Pick<Turn, "ids" | "logProbs" | "entropies"> {
  readonly end?: Turn["end"];
}

/**
 * Samples the turn of `row`. The first piece is one token long, `lengthOf` says for each following
 * one how many tokens it may have, at least 1.
 */
export async function* streamTurn(
  parts: PolicyParts,
  parameters: TensorMap,
  row: GenerateRow,
  options: GenerateOptions,
  lengthOf: () => number,
): AsyncGenerator<TurnPiece> {
  const rows = paddedRows([row]);
  const whole = await turnFeeds(parts, parameters, rows, options);
  const stops = new Set(options.stopIds);
  if (parts.session instanceof StepRunner) {
    yield* pieces(parts.session.steps(whole), row, stops);
    return;
  }
  let state: Feeds = emptyTurnState(parts.config, rows.length);
  for (let count = 0; ; ) {
    // Beyond the row's own limit there is nothing to run: the loop stops by itself.
    const rounds = count === 0 ? 0 : Math.max(1, lengthOf());
    const shifted = count === 0 ? [] : countedFrom(whole, count - 1);
    const results = await parts.session.run(
      new Map([
        ...whole,
        ...state,
        ...shifted,
        ["rounds", integers([rounds], [])] as const,
        ["resume", truths([count > 0], [])] as const,
      ]),
    );
    const piece = pieceOf(results, count === 0, rows.length);
    count += piece.ids.length;
    const last = piece.ids.at(-1);
    assert(last !== undefined, "every piece has a token");
    const end = stops.has(last) ? "stop" : count >= row.tokensMax ? "length" : undefined;
    yield end === undefined ? piece : { ...piece, end };
    if (end !== undefined) return;
    state = stateAfter(parts, results, rows.length);
  }
}

/** The first row's tokens one by one, until it ends. */
async function* pieces(
  steps: AsyncGenerator<Step>,
  row: GenerateRow,
  stops: ReadonlySet<number>,
): AsyncGenerator<TurnPiece> {
  let count = 0;
  for await (const { tokens, logProbs, entropies } of steps) {
    const id = Number(tokens[0]);
    count++;
    const piece = {
      ids: Int32Array.of(id),
      logProbs: logProbs.slice(0, 1),
      entropies: entropies.slice(0, 1),
    };
    const end = stops.has(id) ? "stop" : count >= row.tokensMax ? "length" : undefined;
    yield end === undefined ? piece : { ...piece, end };
    if (end !== undefined) return;
  }
}

/** Feeds that count from token `first` of the turn on, instead of from its start. */
function countedFrom(whole: Feeds, first: number) {
  const moved = (name: string, by: number) => {
    const feed = whole.get(name);
    assert(feed !== undefined, `${name} is fed`);
    const values = Array.from(feed.data as BigInt64Array, (value) => Number(value) + by);
    return [name, integers(values, feed.dims)] as const;
  };
  const uniforms = whole.get("uniforms");
  assert(uniforms?.data instanceof Float32Array, "uniforms are fed");
  const [, rows = 1] = uniforms.dims;
  const left = new Float32Array(uniforms.data.length);
  left.set(uniforms.data.subarray(first * rows));
  return [
    moved("rowLength", first),
    moved("rowPosition", first),
    moved("rowLimit", -first),
    ["uniforms", floats(left, uniforms.dims)] as const,
  ];
}

function stateAfter({ config }: PolicyParts, results: Results, rows: number): Feeds {
  const { keyValueHeadCount, headSize, layerCount } = config.text;
  const after = (index: number) => afterName(turnStateName(index));
  const state = new Map<string, Tensor>([
    [turnStateName(0), integers(integerResult(results, after(0)), [rows])],
    [turnStateName(1), truths(new Array<boolean>(rows).fill(false), [rows])],
  ]);
  for (let index = 2; index < 2 + 2 * layerCount; index++) {
    const data = floatResult(results, after(index));
    const columns = data.length / (rows * keyValueHeadCount * headSize);
    state.set(turnStateName(index), floats(data, [rows, keyValueHeadCount, columns, headSize]));
  }
  return state;
}

/** The first row's new tokens. */
function pieceOf(results: Results, first: boolean, rows: number): TurnPiece {
  const names = first
    ? (["firstTokens", "firstLogProbs", "firstEntropies"] as const)
    : (["tokens", "logProbs", "entropies"] as const);
  const ids = integerResult(results, names[0]);
  const length = first ? 1 : ids.length / rows;
  const ofFirstRow = (values: ArrayLike<number>) =>
    Array.from({ length }, (_, token) => values[token * rows] ?? 0);
  return {
    ids: Int32Array.from(ofFirstRow(ids)),
    logProbs: Float32Array.from(ofFirstRow(floatResult(results, names[1]))),
    entropies: Float32Array.from(ofFirstRow(floatResult(results, names[2]))),
  };
}
