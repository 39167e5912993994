// From logits to a token. One uniform number per token picks by the inverse of the distribution
// function, in two levels (blocks of the vocabulary, then tokens), so that no vocabulary-long
// running sum is needed. The learner scores tokens by the same `policyLogits`.
import type { Dimension, Node } from "../graph/index.ts";
import {
  add,
  argMax,
  cast,
  cumulativeSum,
  exponential,
  gatherAlong,
  gatherRow,
  lessOrEqual,
  logSoftmax,
  minimum,
  multiply,
  negate,
  pad,
  reduceSum,
  reshape,
  scalar,
  slice,
  subtract,
  where,
} from "../graph/index.ts";

/** Settings of a sampling distribution, as graph inputs. */
export interface SamplingInputs {
  /** 1 / temperature, no axes. */
  readonly inverseTemperature: Node;
  /** 0 or the masked score per token of the vocabulary. */
  readonly ban: Node;
}

/** A chosen token per row. */
export interface Choice {
  /** int64 [rows]. */
  readonly token: Node;
  readonly logProb: Node;
  readonly entropy: Node;
}

/**
 * The drawn share of a sum is kept below the whole by this factor: rounding must never carry the
 * draw past the last token that has any probability.
 */
const drawLimit = 1 - 2 ** -22;

/** Blocks of the vocabulary are near its square root; a power of two divides most vocabularies. */
function blockLength(vocabularySize: number): number {
  return 2 ** Math.ceil(Math.log2(vocabularySize) / 2);
}

/** Logits of the distribution that is sampled: tempered, banned tokens out of reach. */
export function policyLogits(logits: Node, { inverseTemperature, ban }: SamplingInputs): Node {
  return add(multiply(logits, inverseTemperature), ban);
}

/**
 * Draws a token per row from `logits` [rows, vocabulary] (of `policyLogits`) by `uniform` [rows] in
 * [0, 1), or takes the likeliest where `greedy` (bool, no axes) holds.
 */
export function chooseToken(logits: Node, uniform: Node, greedy: Node): Choice {
  const [rows = 0, vocabulary = 0] = logits.shape;
  const logs = logSoftmax(logits);
  const probabilities = exponential(logs);
  const drawn = drawToken(probabilities, Number(vocabulary), uniform);
  const token = where(greedy, argMax(logs), drawn);
  const logProb = reshape(gatherAlong(logs, reshape(token, [rows, 1])), [rows]);
  // A banned token has probability 0 and a finite logarithm: its product is 0, never NaN.
  const entropy = negate(reduceSum(multiply(probabilities, logs), [1]));
  return { token, logProb, entropy };
}

function drawToken(probabilities: Node, vocabulary: number, uniform: Node): Node {
  const { graph } = probabilities;
  const [rows = 0] = probabilities.shape;
  const length = blockLength(vocabulary);
  const count = Math.ceil(vocabulary / length);
  const padded = pad(probabilities, 1, 0, count * length - vocabulary);
  const blocks = reshape(padded, [rows, count, length]);
  const reached = cumulativeSum(reduceSum(blocks, [2]));
  const total = slice(reached, 1, count - 1, count);
  const limit = scalar(graph, drawLimit);
  const draw = multiply(multiply(reshape(uniform, [rows, 1]), total), limit);
  const block = countUpTo(reached, draw, rows);
  const before = gatherAlong(pad(reached, 1, 1, 0), block);
  const within = cumulativeSum(gatherRow(blocks, block));
  const whole = slice(within, 1, length - 1, length);
  const rest = minimum(subtract(draw, before), multiply(whole, limit));
  const offset = countUpTo(within, rest, rows);
  const token = add(multiply(block, scalar(graph, length, "int64")), offset);
  return reshape(token, [rows]);
}

/** How many entries of each row of `sums` are at most `draw` [rows, 1]; int64 [rows, 1]. */
function countUpTo(sums: Node, draw: Node, rows: Dimension): Node {
  const passed = cast(lessOrEqual(sums, draw), "int64");
  return reshape(reduceSum(passed, [1]), [rows, 1]);
}
