// Scoring and learning as one graph: log-probabilities of chosen tokens, the loss over them, and,
// where asked for, its gradient. The forward part runs once; the backward part only when needed.
import type { Dimension, Node } from "../graph/index.ts";
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
import type { ImageTokens } from "./decoder.ts";
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
  const perToken = (name: string) => graph.input(name, graph.float, [tokens]);
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

/** Where the sequences of a batch are, as graph inputs. */
interface LearnInputs {
  readonly rows: Dimension;
  readonly length: Dimension;
  readonly ids: Node;
  readonly cosine: Node;
  readonly sine: Node;
  readonly steps: Node;
}

/**
 * Outputs `logProbs` and `entropies` [tokens], `loss` and its terms, and one gradient per trainable
 * parameter (empty unless the input `wantGradient` is true). `chosen` (int64 [tokens]) holds the
 * flat positions whose next token, `labels`, carries loss.
 */
export function learnOutputs(weights: Weights): Record<string, Node> {
  const { graph } = weights;
  const inputs = learnInputs(weights);
  let hidden = embedTokens(weights, inputs.ids, imageTokens(weights));
  const context = { ...inputs, mask: causalMask(inputs.steps) };
  for (let index = 0; index < weights.config.text.layerCount; index++)
    hidden = decoderLayer(weights, index, hidden, context).output;
  const scored = scoreTokens(weights, hidden);
  const terms = graph.within("loss", () => lossTerms(scored.logProbs));
  const loss = add(add(terms.policy, terms.divergence), terms.crossEntropy);
  const parameters = [...weights.trainable];
  const nodes = parameters.map(([, node]) => node);
  const slopes = gradients([[loss, scalar(graph, 1)]], nodes);
  const wanted = graph.input("wantGradient", "bool", []);
  const nothing = slopes.map((slope) =>
    zeros(
      slope,
      slope.shape.map(() => 0),
    ),
  );
  const results = branch(wanted, slopes, nothing);
  const named = parameters.map(([name], index) => [gradientName(name), results[index] as Node]);
  return { ...scored, loss, ...terms, ...Object.fromEntries(named) };
}

function learnInputs(weights: Weights): LearnInputs {
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
    steps: graph.input("steps", "int64", [length]),
  };
}

/** Image tokens: from pixels when the tower learns too, else as they were encoded before. */
function imageTokens(weights: Weights): ImageTokens {
  const towerLearns = [...weights.trainable.keys()].some(isVisionName);
  return imagePlaces(weights, towerLearns ? visionTokens(weights) : encodedImages(weights));
}

/** Log-probability and entropy of the sampling distribution at the chosen tokens. */
export function scoreTokens(
  weights: Weights,
  hidden: Node,
): { readonly logProbs: Node; readonly entropies: Node } {
  const { graph } = weights;
  const tokens = dimension("tokens");
  const chosen = gather(hidden, graph.input("chosen", "int64", [tokens]));
  const logits = policyLogits(logitsOf(weights, chosen), samplingInputs(weights));
  return {
    logProbs: pickLogProb(logits, graph.input("labels", "int64", [tokens])),
    entropies: entropyOf(logits),
  };
}
