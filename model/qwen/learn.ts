// Scoring and learning as one graph: log-probabilities of chosen tokens, the loss over them, and,
// where asked for, its gradient. The forward part runs once; the backward part only when needed.
import type { Node } from "../graph/index.ts";
import {
  add,
  branch,
  clip,
  dimension,
  divide,
  entropyOf,
  exponential,
  gather,
  gradients,
  lessOrEqual,
  minimum,
  multiply,
  negate,
  pickLogProb,
  reduceSum,
  reshape,
  scalar,
  subtract,
  where,
  zeros,
} from "../graph/index.ts";
import type { SequenceContext } from "./decoder.ts";
import {
  causalMask,
  decoderLayer,
  embedTokens,
  encodedImages,
  imagePlaces,
  logitsOf,
  tokenCount,
} from "./decoder.ts";
import { samplingInputs } from "./generate.ts";
import { isVisionName } from "./parameters.ts";
import { policyLogits } from "./sampler.ts";
import { visionTokens } from "./vision.ts";
import type { Weights } from "./weights.ts";

/** The gradient of parameter `name` is the output of this name. */
export function gradientName(name: string): string {
  return `gradient ${name}`;
}

/**
 * The inputs that hold one value per chosen token: cut alike, they are batches of fewer tokens
 * whose losses and gradients add up to those of the whole.
 */
export const tokenInputs = [
  "chosen",
  "labels",
  "policyWeights",
  "advantages",
  "oldLogProbs",
  "divergenceWeights",
  "referenceLogProbs",
  "crossEntropyWeights",
] as const;
type TokenInput = (typeof tokenInputs)[number];

/** The parts of the loss, each a sum over tokens divided by the normalizer. */
export interface LossTerms {
  readonly policy: Node;
  readonly divergence: Node;
  readonly crossEntropy: Node;
}

/**
 * The loss over the chosen tokens [tokens], from their current log-probabilities:
 *
 * - policy: -sum w min(r A, clip(r, 1 - low, 1 + high) A) / N, with r = exp(current - old);
 * - divergence: sum k (exp(d) - d - 1) / N, with d = reference - current (the k3 estimator of KL,
 *   http://joschu.net/blog/kl-approx.html), k its coefficient per token;
 * - crossEntropy: -sum c current / N.
 */
export function lossTerms(current: Node): LossTerms {
  const { graph } = current;
  const [tokens = 0] = current.shape;
  const perToken = (name: TokenInput) => graph.input(name, graph.float, [tokens]);
  const setting = (name: string) => graph.input(name, graph.float, []);
  const normalizer = setting("normalizer");
  const mean = (terms: Node) => divide(reduceSum(terms, [0]), normalizer);
  const advantages = perToken("advantages");
  const ratio = exponential(subtract(current, perToken("oldLogProbs")));
  const bounded = clip(ratio, setting("ratioMin"), setting("ratioMax"));
  const gain = minimum(multiply(ratio, advantages), multiply(bounded, advantages));
  // Where the coefficient is 0 there is no reference: exp of anything else could overflow.
  const weights = perToken("divergenceWeights");
  const zero = scalar(graph, 0);
  const distance = subtract(perToken("referenceLogProbs"), current);
  const drift = where(lessOrEqual(weights, zero), zero, distance);
  const excess = subtract(subtract(exponential(drift), drift), scalar(graph, 1));
  return {
    policy: negate(mean(multiply(perToken("policyWeights"), gain))),
    divergence: mean(multiply(weights, excess)),
    crossEntropy: negate(mean(multiply(perToken("crossEntropyWeights"), current))),
  };
}

/**
 * Outputs `logProbs` and `entropies` [tokens], `loss` and its terms, and one gradient per trainable
 * parameter (empty unless the input `wantGradient` is true). `chosen` (int64 [tokens]) holds the
 * flat positions whose next token, `labels`, carries loss.
 */
export function learnOutputs(weights: Weights): Record<string, Node> {
  const { graph } = weights;
  const context = learnContext(weights);
  const images = towerLearns(weights) ? visionTokens(weights) : encodedImages(weights);
  const embedded = embedTokens(weights, context.ids, imagePlaces(weights, images));
  const hidden = decoderLayers(weights, embedded, context, 0, weights.config.text.layerCount);
  const scored = scoreTokens(weights, hidden);
  const parameters = [...weights.trainable];
  if (parameters.length === 0) return { ...scored };
  const slopes = gradients(
    [[scored.loss, scalar(graph, 1)]],
    parameters.map(([, node]) => node),
  );
  const wanted = graph.input("wantGradient", "bool", []);
  const results = branch(wanted, slopes, slopes.map(nothingLike));
  const named = parameters.map(([name], index) => [gradientName(name), results[index] as Node]);
  return { ...scored, ...Object.fromEntries(named) };
}

/** An empty tensor in place of `node`. */
export function nothingLike(node: Node): Node {
  return zeros(
    node,
    node.shape.map(() => 0),
  );
}

/** Whether the vision tower has trainable parameters. */
export function towerLearns(weights: Weights): boolean {
  return [...weights.trainable.keys()].some(isVisionName);
}

/** The sequences of a batch: their ids (int64 [rows * length]) and what the layers need. */
export interface LearnContext extends SequenceContext {
  readonly ids: Node;
}

/** The decoder layers `start` up to before `end`. */
export function decoderLayers(
  weights: Weights,
  input: Node,
  context: SequenceContext,
  start: number,
  end: number,
): Node {
  let hidden = input;
  for (let index = start; index < end; index++)
    hidden = decoderLayer(weights, index, hidden, context).output;
  return hidden;
}

/** Declares the inputs that describe the sequences of a batch. */
export function learnContext(weights: Weights): LearnContext {
  const { graph } = weights;
  const rows = dimension("rows");
  const length = dimension("length");
  const count = tokenCount(rows, length);
  const angles = [count, weights.config.text.headSize / 2];
  return {
    rows,
    length,
    ids: reshape(graph.input("ids", "int64", [rows, length]), [count]),
    cosine: graph.input("cosine", graph.float, angles),
    sine: graph.input("sine", graph.float, angles),
    mask: causalMask(graph.input("steps", "int64", [length])),
  };
}

/** Scores of the chosen tokens, and the loss over them. */
export type ScoredTokens = LossTerms & {
  readonly logProbs: Node;
  readonly entropies: Node;
  readonly loss: Node;
};

/** Log-probability and entropy of the sampling distribution at the chosen tokens, and the loss. */
export function scoreTokens(weights: Weights, hidden: Node): ScoredTokens {
  const { graph } = weights;
  const tokens = dimension("tokens");
  const indices = (name: TokenInput) => graph.input(name, "int64", [tokens]);
  const logits = policyLogits(
    logitsOf(weights, gather(hidden, indices("chosen"))),
    samplingInputs(weights),
  );
  const logProbs = pickLogProb(logits, indices("labels"));
  const terms = graph.within("loss", () => lossTerms(logProbs));
  const loss = add(add(terms.policy, terms.divergence), terms.crossEntropy);
  return { logProbs, entropies: entropyOf(logits), loss, ...terms };
}
