// A turn as one graph: read the contexts once, then sample token after token in an ONNX loop.
//   G1. A row's bytes depend on its own context, uniforms and limits only: each row keeps its keys
//       and values from column 0 on without gaps, and whatever lies to the right is masked.
//   G2. Contexts that several rows share are read once and expanded by `rowContext`.
//   G3. Matrix products have at least two rows (the one-row kernel rounds differently); callers
//       give at least two rows and contexts of at least two tokens.
import type { Dimension, Node } from "../graph/index.ts";
import {
  add,
  all,
  concat,
  dimension,
  gather,
  lessOrEqual,
  loop,
  matmul,
  not,
  or,
  reshape,
  scalar,
  slice,
  softmax,
  sumOf,
  where,
  writeAt,
  zeros,
} from "../graph/index.ts";
import { maskedScore } from "./attention.ts";
import type { LayerCache } from "./decoder.ts";
import {
  attentionShape,
  causalMask,
  decoderLayer,
  embedTokens,
  encodedImages,
  finishLayer,
  imagePlaces,
  logitsOf,
  projections,
  tokenCount,
} from "./decoder.ts";
import type { Choice, SamplingInputs } from "./sampler.ts";
import { chooseToken, policyLogits } from "./sampler.ts";
import type { Weights } from "./weights.ts";

/** What every graph that samples turns is fed besides contexts. */
export interface GenerateInputs {
  readonly rows: Dimension;
  /** Tokens of a context, padded. */
  readonly prefix: Dimension;
  readonly columns: Dimension;
  /** The context of each row, int64 [rows]. */
  readonly rowContext: Node;
  /** Tokens in each row's context, int64 [rows]. */
  readonly rowLength: Node;
  /** Rotary position of each row's first new token, int64 [rows]. */
  readonly rowPosition: Node;
  /** The most new tokens of each row, int64 [rows]. */
  readonly rowLimit: Node;
  /** One number per token to come, [tokens, rows]. */
  readonly uniforms: Node;
  readonly greedy: Node;
  /** Whether a token ends the turn, bool [vocabulary]. */
  readonly stops: Node;
  /** 0, 1, ... up to all columns of the cache, int64 [columns]. */
  readonly columnNumbers: Node;
  /** Rotary angles by position for text, [positions, headSize / 2]. */
  readonly cosineTable: Node;
  readonly sineTable: Node;
  readonly sampling: SamplingInputs;
}

/** How a token is chosen per row from its logits [rows, vocabulary]. */
export type ChooseToken = (
  logits: Node,
  given: Pick<GenerateInputs, "sampling" | "greedy"> & { readonly uniform: Node },
) => Choice;

const sample: ChooseToken = (logits, { sampling, uniform, greedy }) =>
  chooseToken(policyLogits(logits, sampling), uniform, greedy);

/**
 * Outputs of the first token, `firstTokens`, `firstLogProbs` and `firstEntropies` [rows], and of
 * all rounds of the loop, `tokens`, `logProbs` and `entropies` [rounds, rows]. What stands past a
 * row's end is noise.
 */
export function generateOutputs(
  weights: Weights,
  choose: ChooseToken = sample,
): Record<string, Node> {
  const inputs = generateInputs(weights);
  const { choice, state } = openTurn(weights, inputs, choose);
  const { collected } = restOfTurn(weights, inputs, state, choose);
  return {
    firstTokens: choice.token,
    firstLogProbs: choice.logProb,
    firstEntropies: choice.entropy,
    ...collected,
  };
}

/** Where turns stand after a token: what the next one needs. */
export interface TurnState {
  /** The last token of each row, which is not in the caches yet; int64 [rows]. */
  readonly token: Node;
  /** Whether a row has ended, bool [rows]. */
  readonly done: Node;
  /** Keys and values of every layer in turn, [rows, heads, columns, size]. */
  readonly caches: readonly Node[];
}

/** Reads the contexts and chooses the first token of each row. */
export function openTurn(
  weights: Weights,
  inputs: GenerateInputs,
  choose: ChooseToken = sample,
): { readonly choice: Choice; readonly state: TurnState } {
  const { graph } = weights;
  const read = readContexts(weights, inputs.prefix);
  const hidden = gather(gather(read.hidden, read.lastToken), inputs.rowContext);
  const uniform = gather(inputs.uniforms, scalar(graph, 0, "int64"));
  const choice = pick(weights, inputs, choose, hidden, uniform);
  const done = ends(inputs, choice.token, scalar(graph, 1, "int64"));
  const caches = read.caches.flatMap(({ key, value }) => [
    openCache(weights, inputs, key),
    openCache(weights, inputs, value),
  ]);
  return { choice, state: { token: choice.token, done, caches } };
}

/** Chooses token after token from `state` on, for as many rounds as the input `rounds` allows. */
export function restOfTurn(
  weights: Weights,
  inputs: GenerateInputs,
  { token: last, done, caches }: TurnState,
  choose: ChooseToken = sample,
): { readonly collected: Record<string, Node>; readonly state: TurnState } {
  const { graph } = weights;
  const rest = loop({
    rounds: graph.input("rounds", "int64", []),
    start: not(all(done)),
    state: [last, done, ...caches],
    collectedSize: dimension("roundsRun"),
    body: (round, [token, before, ...caches]) => {
      if (token === undefined || before === undefined) throw new RangeError("state is incomplete");
      const { choice, state } = nextToken(
        weights,
        inputs,
        round,
        { token, done: before, caches },
        choose,
      );
      return {
        goOn: not(all(state.done)),
        state: [state.token, state.done, ...state.caches],
        collected: [choice.token, choice.logProb, choice.entropy],
      };
    },
  });
  const [tokens, logProbs, entropies] = rest.collected;
  const [token, ended, ...written] = rest.state;
  if (!tokens || !logProbs || !entropies) throw new RangeError("the loop collects three values");
  if (!token || !ended) throw new RangeError("the loop carries its state");
  return {
    collected: { tokens, logProbs, entropies },
    state: { token, done: ended, caches: written },
  };
}

/** Reads the last token of each row and chooses the next; `round` (int64) counts from 0. */
export function nextToken(
  weights: Weights,
  inputs: GenerateInputs,
  round: Node,
  { token, done, caches }: TurnState,
  choose: ChooseToken = sample,
): { readonly choice: Choice; readonly state: TurnState } {
  const { graph } = weights;
  const next = decodeToken(weights, inputs, round, token, caches);
  const number = add(round, scalar(graph, 1, "int64"));
  const uniform = gather(inputs.uniforms, number);
  const choice = pick(weights, inputs, choose, next.hidden, uniform);
  const count = add(number, scalar(graph, 1, "int64"));
  const after = or(done, ends(inputs, choice.token, count));
  return { choice, state: { token: choice.token, done: after, caches: next.cache } };
}

function pick(
  weights: Weights,
  inputs: GenerateInputs,
  choose: ChooseToken,
  hidden: Node,
  uniform: Node,
): Choice {
  const logits = logitsOf(weights, hidden);
  return weights.graph.within("sample", () => choose(logits, { ...inputs, uniform }));
}

/** Declares the inputs of a graph that samples turns. */
export function generateInputs(weights: Weights): GenerateInputs {
  const { graph } = weights;
  const { vocabularySize, headSize } = weights.config.text;
  const prefix = dimension("prefix");
  const rows = dimension("rows");
  const tokens = dimension("tokens");
  const columns = sumOf(prefix, tokens);
  const perRow = (name: string) => graph.input(name, "int64", [rows]);
  const table = [dimension("positions"), headSize / 2];
  return {
    rows,
    prefix,
    columns,
    rowContext: perRow("rowContext"),
    rowLength: perRow("rowLength"),
    rowPosition: perRow("rowPosition"),
    rowLimit: perRow("rowLimit"),
    uniforms: graph.input("uniforms", graph.float, [tokens, rows]),
    greedy: graph.input("greedy", "bool", []),
    stops: graph.input("stops", "bool", [vocabularySize]),
    columnNumbers: graph.input("columnNumbers", "int64", [columns]),
    cosineTable: graph.input("cosineTable", graph.float, table),
    sineTable: graph.input("sineTable", graph.float, table),
    sampling: samplingInputs(weights),
  };
}

/** The inputs that set the sampling distribution, in every graph that samples or scores. */
export function samplingInputs({ graph, config }: Weights): SamplingInputs {
  return {
    inverseTemperature: graph.input("inverseTemperature", graph.float, []),
    ban: graph.input("ban", graph.float, [config.text.vocabularySize]),
  };
}

/** Runs all contexts through the model: hidden states, and keys and values of every layer. */
function readContexts(weights: Weights, prefix: Dimension) {
  const { graph } = weights;
  const contexts = dimension("contexts");
  const { headSize, layerCount } = weights.config.text;
  const count = tokenCount(contexts, prefix);
  const ids = graph.input("ids", "int64", [contexts, prefix]);
  const images = imagePlaces(weights, encodedImages(weights));
  let hidden = embedTokens(weights, reshape(ids, [count]), images);
  const context = {
    rows: contexts,
    length: prefix,
    cosine: graph.input("cosine", graph.float, [count, headSize / 2]),
    sine: graph.input("sine", graph.float, [count, headSize / 2]),
    mask: causalMask(graph.input("steps", "int64", [prefix])),
  };
  const caches: LayerCache[] = [];
  for (let index = 0; index < layerCount; index++) {
    const { output, cache } = decoderLayer(weights, index, hidden, context);
    hidden = output;
    caches.push(cache);
  }
  return { hidden, caches, lastToken: graph.input("lastToken", "int64", [contexts]) };
}

/** A layer's keys or values for every row, with room for the tokens to come. */
function openCache(weights: Weights, inputs: GenerateInputs, read: Node): Node {
  const { keyValueHeadCount, headSize } = weights.config.text;
  const [tokens = 0] = inputs.uniforms.shape;
  const room = zeros(read, [inputs.rows, keyValueHeadCount, tokens, headSize]);
  return concat([gather(read, inputs.rowContext), room], 2);
}

function ends(inputs: GenerateInputs, token: Node, count: Node): Node {
  return or(gather(inputs.stops, token), lessOrEqual(inputs.rowLimit, count));
}

/** One token per row through all layers, writing its keys and values into the caches. */
function decodeToken(
  weights: Weights,
  inputs: GenerateInputs,
  round: Node,
  token: Node,
  caches: readonly Node[],
): { readonly hidden: Node; readonly cache: readonly Node[] } {
  const { graph } = weights;
  const column = add(inputs.rowLength, round);
  const position = add(inputs.rowPosition, round);
  const seen = lessOrEqual(
    reshape(inputs.columnNumbers, [1, inputs.columns]),
    reshape(column, [inputs.rows, 1]),
  );
  const hiddenScore = where(seen, scalar(graph, 0), scalar(graph, maskedScore));
  const step = {
    column,
    cosine: gather(inputs.cosineTable, position),
    sine: gather(inputs.sineTable, position),
    mask: reshape(hiddenScore, [inputs.rows, 1, 1, inputs.columns]),
    inputs,
  };
  let hidden = embedTokens(weights, token);
  const written: Node[] = [];
  for (let index = 0; index < weights.config.text.layerCount; index++) {
    const [key, value] = caches.slice(2 * index, 2 * index + 2);
    if (key === undefined || value === undefined) throw new RangeError("a layer has no cache");
    const layer = decodeLayer(weights, index, hidden, { key, value }, step);
    hidden = layer.hidden;
    written.push(layer.cache.key, layer.cache.value);
  }
  return { hidden, cache: written };
}

interface DecodeStep {
  readonly column: Node;
  readonly cosine: Node;
  readonly sine: Node;
  readonly mask: Node;
  readonly inputs: GenerateInputs;
}

function decodeLayer(
  weights: Weights,
  index: number,
  x: Node,
  cache: LayerCache,
  step: DecodeStep,
): { readonly hidden: Node; readonly cache: LayerCache } {
  const layer = `model.layers.${index}`;
  const { rows } = step.inputs;
  const { keyValueHeads, groups, headSize } = attentionShape(weights, rows, 1);
  return weights.graph.within(`decode.${layer}`, () => {
    const { query, key, value } = projections(weights, layer, x, step);
    const write = (buffer: Node, update: Node) =>
      writeAt(buffer, reshape(update, [rows, keyValueHeads, 1, headSize]), step.column);
    const written = { key: write(cache.key, key), value: write(cache.value, value) };
    const queries = reshape(query, [rows, keyValueHeads, groups, headSize]);
    // G3: a single query head per key-value head is doubled, and one copy is used.
    const paired = groups === 1 ? concat([queries, queries], 2) : queries;
    const alpha = 1 / Math.sqrt(headSize);
    const scores = add(matmul(paired, written.key, { transposeRight: true, alpha }), step.mask);
    const mixed = matmul(softmax(scores), written.value);
    const used = groups === 1 ? slice(mixed, 2, 0, 1) : mixed;
    const flat = reshape(used, [rows, keyValueHeads * groups * headSize]);
    return { hidden: finishLayer(weights, layer, x, flat), cache: written };
  });
}
