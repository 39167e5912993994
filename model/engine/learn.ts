// Scores and learns from tokens: packs sequences into one run of the learn graph.
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import type { TensorMap } from "../qwen/index.ts";
import { gradientName } from "../qwen/index.ts";
import { imageFeeds } from "./generate.ts";
import { tokensOf, visionFeeds } from "./images.ts";
import type { PolicyParts, SamplingSettings } from "./parts.ts";
import { samplingFeeds } from "./parts.ts";
import type { Sequence } from "./sequences.ts";
import { sequenceFeeds } from "./sequences.ts";
import type { Feeds, Results, Runner } from "./session.ts";
import { floatResult, floats, integers, truths } from "./session.ts";

/** A sequence and the indices (ascending, at least 1) of its tokens that carry loss. */
export interface LearnRow extends Sequence {
  readonly chosen: ArrayLike<number>;
}

/** Sequences to score. Per-token arrays list the chosen tokens row by row. */
export interface LearnBatch {
  readonly rows: readonly LearnRow[];
  readonly sampling: SamplingSettings;
}

/** Per chosen token, under the sampling distribution: log-probability and entropy, in nats. */
export interface TokenScores {
  readonly logProbs: Float32Array;
  readonly entropies: Float32Array;
}

/** What to minimise; each part is a sum over the chosen tokens divided by `normalizer`. */
export interface LossInputs {
  readonly normalizer: number;
  /** -sum w min(r A, clip(r, 1 - clipLow, 1 + clipHigh) A), r = exp(current - old). */
  readonly policy?: {
    readonly weights: Float32Array;
    readonly advantages: Float32Array;
    readonly oldLogProbs: Float32Array;
    readonly clipLow: number;
    readonly clipHigh: number;
  };
  /** sum k (exp(d) - d - 1), d = reference - current. */
  readonly divergence?: {
    readonly coefficient: number;
    readonly referenceLogProbs: Float32Array;
  };
  /** -sum c current. */
  readonly crossEntropy?: { readonly weights: Float32Array };
}

/** The loss, its parts, and its gradient by trainable parameter. */
export interface Gradient extends TokenScores {
  readonly loss: number;
  readonly policyLoss: number;
  readonly divergence: number;
  readonly crossEntropy: number;
  readonly gradients: TensorMap;
}

/** The fewest chosen tokens of a run: matrix products need two rows to round alike. */
const tokensMin = 2;

/** Log-probabilities and entropies of the chosen tokens. */
export async function runLogProbs(
  parts: PolicyParts,
  parameters: TensorMap,
  batch: LearnBatch,
): Promise<TokenScores> {
  const { feeds, count } = await learnFeeds(parts, parameters, batch);
  return scoresOf(await parts.session.run(feeds), count);
}

/** The loss over the chosen tokens and its gradient. */
export async function runGradient(
  parts: PolicyParts,
  parameters: TensorMap,
  batch: LearnBatch,
  loss: LossInputs,
): Promise<Gradient> {
  const { feeds, count } = await learnFeeds(parts, parameters, batch, loss);
  const results = await parts.session.run(feeds);
  const number = (name: string) => floatResult(results, name)[0] ?? 0;
  const names = [...parts.parameters.keys()];
  return {
    ...scoresOf(results, count),
    loss: number("loss"),
    policyLoss: number("policy"),
    divergence: number("divergence"),
    crossEntropy: number("crossEntropy"),
    gradients: new Map(names.map((name) => [name, floatResult(results, gradientName(name))])),
  };
}

/** What the feeds are made from. */
type LearnParts = Omit<PolicyParts, "session"> & { readonly session: Pick<Runner, "inputs"> };

/** All feeds of a run, and the number of chosen tokens. Without a `loss` there is no gradient. */
export async function learnFeeds(
  parts: LearnParts,
  parameters: TensorMap,
  { rows, sampling }: LearnBatch,
  loss?: LossInputs,
): Promise<{ readonly feeds: Feeds; readonly count: number }> {
  const sequences = sequenceFeeds(rows, parts.config, parts.rope);
  const images = parts.session.inputs.has("pixels")
    ? towerFeeds(parts.config, sequences)
    : await imageFeeds(parts, parameters, sequences);
  const { chosen, labels, count } = chosenTokens(rows, sequences.length);
  const feeds = new Map([
    ...parts.parameters,
    ...sequences.feeds,
    ...images,
    ["chosen", integers(chosen, [chosen.length])] as const,
    ["labels", integers(labels, [labels.length])] as const,
    ...samplingFeeds(sampling, parts.config),
    ...lossFeeds(loss ?? { normalizer: 1 }, count),
    ["wantGradient", truths([loss !== undefined], [])] as const,
  ]);
  return { feeds, count };
}

/**
 * Flat positions whose next token carries loss, and that token; repeated up to the least number.
 */
function chosenTokens(rows: readonly LearnRow[], length: number) {
  const chosen: number[] = [];
  const labels: number[] = [];
  for (const [row, { ids, chosen: indices }] of rows.entries()) {
    for (let at = 0; at < indices.length; at++) {
      const index = indices[at] ?? 0;
      assert(index > 0 && index < ids.length, `row ${row} has no token ${index} to learn`);
      chosen.push(row * length + index - 1);
      labels.push(ids[index] ?? 0);
    }
  }
  const count = chosen.length;
  assert(count > 0, "a batch needs a token that carries loss");
  while (chosen.length < tokensMin) {
    chosen.push(chosen[0] ?? 0);
    labels.push(labels[0] ?? 0);
  }
  return { chosen, labels, count };
}

/** Feeds of the tower within the learn graph, an image that occurs twice only once. */
function towerFeeds(
  config: ModelConfig,
  { images, imagePositions }: Pick<ReturnType<typeof sequenceFeeds>, "images" | "imagePositions">,
): Feeds {
  const unique = new Map(images.map((image) => [image.hash, image]));
  const given = [...unique.values()];
  const { feeds, tokenRows } = visionFeeds(given, config);
  const starts = new Map<string, number>();
  let token = 0;
  for (const image of given) {
    starts.set(image.hash, token);
    token += tokensOf(image, config);
  }
  const source = images.flatMap((image) => {
    const start = starts.get(image.hash) ?? 0;
    const count = tokensOf(image, config);
    return Array.from({ length: count }, (_, at) => tokenRows[start + at] ?? 0);
  });
  assert(source.length === imagePositions.length, "images and image tokens do not match");
  return new Map([
    ...feeds,
    ["imageSource", integers(source, [source.length])],
    ["imagePositions", integers(imagePositions, [source.length])],
  ]);
}

function lossFeeds(loss: LossInputs, count: number) {
  const { policy, divergence, crossEntropy } = loss;
  const padded = Math.max(count, tokensMin);
  const perToken = (values: Float32Array | undefined) => {
    const data = new Float32Array(padded);
    if (values !== undefined) {
      assert(values.length === count, `${values.length} values for ${count} chosen tokens`);
      data.set(values);
    }
    return floats(data, [padded]);
  };
  const number = (value: number) => floats(Float32Array.of(value), []);
  const divergenceWeights = divergence && new Float32Array(count).fill(divergence.coefficient);
  return [
    ["normalizer", number(loss.normalizer)],
    ["policyWeights", perToken(policy?.weights)],
    ["advantages", perToken(policy?.advantages)],
    ["oldLogProbs", perToken(policy?.oldLogProbs)],
    ["ratioMin", number(1 - (policy?.clipLow ?? 0))],
    ["ratioMax", number(1 + (policy?.clipHigh ?? 0))],
    ["divergenceWeights", perToken(divergenceWeights)],
    ["referenceLogProbs", perToken(divergence?.referenceLogProbs)],
    ["crossEntropyWeights", perToken(crossEntropy?.weights)],
  ] as const;
}

function scoresOf(results: Results, count: number): TokenScores {
  return {
    logProbs: floatResult(results, "logProbs").slice(0, count),
    entropies: floatResult(results, "entropies").slice(0, count),
  };
}
