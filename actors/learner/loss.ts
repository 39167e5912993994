// The loss of a minibatch: a policy term per token, how tokens are put together, and the KL term.
// Pure. For the default form the model's graph computes the same (`lossInGraph`), and this says in
// plain TypeScript what it has to compute. For the others the graph is handed the slopes that come
// out here: the derivative of a loss with respect to each log-prob is all that it needs to know.
import { assert } from "../../events/index.ts";
import { type KlRule, k1, k2, k2Slope, k3, k3Slope, lossCoefficient } from "./divergence.ts";
import { itemAt } from "./item-at.ts";
import {
  type Clip,
  cispoTerm,
  clippedTerm,
  type PolicyTerm,
  type SequenceTokens,
  sequenceTerm,
} from "./policy-loss.ts";

/**
 * The form of the loss, with o the loss-carrying tokens of a sequence:
 *
 * - `dapo`: Σ over tokens / tokens of the minibatch (arXiv 2503.14476, section 3.3);
 * - `grpo`: mean over o, then over sequences (arXiv 2402.03300, eq. 3): short ones weigh more per
 *   token;
 * - `dr-grpo`: Σ over tokens / (sequences · tokensMax), a constant (arXiv 2503.20783, section 3.2);
 * - `gspo`: like `grpo`, with the ratio of the sequence;
 * - `cispo`: like `dapo`, with clipped constant ratios.
 */
export type LossForm =
  | { readonly type: "dapo" | "grpo" | "gspo" | "cispo" }
  | { readonly type: "dr-grpo"; readonly tokensMax: number };

/** What shapes the loss. */
export interface LossSettings extends Clip {
  readonly loss: LossForm;
  readonly kl: KlRule;
}

/** A sequence of the minibatch, one entry per loss-carrying token. */
export interface LossRow extends SequenceTokens {
  readonly sampler: Float32Array;
  /** The learner's log-probs under the policy that played, where that is not the old one. */
  readonly played?: Float32Array;
  /** Log-probs of the reference policy; null without a KL term. */
  readonly reference: Float32Array | null;
}

/** Loss terms and the figures that are logged beside them. */
export interface LossTerms {
  readonly tokens: number;
  readonly loss: number;
  readonly policyLoss: number;
  /** The estimate of the KL term in force, mean over tokens. */
  readonly kl: number;
  /** How far the step has moved the policy, as k3 of old against current. */
  readonly klOld: number;
  readonly ratioMean: number;
  readonly ratioMax: number;
  /** Share of tokens whose gradient the clip has cut off (CISPO: whose ratio it has cut), 0–1. */
  readonly clipFraction: number;
  /** Of the sampler's log-probs and the learner's, under the policy that played. */
  readonly mismatchMax: number;
  readonly mismatchMean: number;
}

/** Whether the graph computes the loss itself: then no log-probs are needed before the gradient. */
export function lossInGraph({ loss, kl }: LossSettings): boolean {
  return loss.type === "dapo" && kl.type !== "k2";
}

/** Natural logarithms; sums run in the order of the rows and their tokens, in float64. */
export function lossTerms(rows: readonly LossRow[], settings: LossSettings): LossTerms {
  const { shareOf, normalizer } = aggregation(rows, settings.loss);
  const coefficient = lossCoefficient(settings.kl);
  const figures = new Figures();
  let policyLoss = 0;
  let divergence = 0;
  let cut = 0;
  for (const row of rows) {
    const term = policyTerm(row, settings);
    const share = shareOf(row);
    cut += term.cut;
    for (let index = 0; index < row.current.length; index++) {
      policyLoss += share * itemAt(term.values, index);
      divergence += share * figures.add(row, index, settings.kl);
    }
  }
  const { tokens, ...means } = figures.means();
  assert(tokens > 0, "a minibatch has at least one token");
  return {
    tokens,
    loss: (policyLoss + coefficient * divergence) / normalizer,
    policyLoss: policyLoss / normalizer,
    ...means,
    clipFraction: cut / tokens,
  };
}

/** ∂L/∂(current log-prob), per row and token. */
export function lossSlopes(rows: readonly LossRow[], settings: LossSettings): Float64Array[] {
  const { shareOf, normalizer } = aggregation(rows, settings.loss);
  const coefficient = lossCoefficient(settings.kl);
  return rows.map((row) => {
    const { slopes } = policyTerm(row, settings);
    const scale = shareOf(row) / normalizer;
    return slopes.map((slope, index) => {
      const kl = coefficient === 0 ? 0 : coefficient * klSlope(row, index, settings.kl);
      return (slope + kl) * scale;
    });
  });
}

function policyTerm(row: LossRow, settings: LossSettings): PolicyTerm {
  switch (settings.loss.type) {
    case "gspo":
      return sequenceTerm(row, settings);
    case "cispo":
      return cispoTerm(row, settings);
    default:
      return clippedTerm(row, settings);
  }
}

/** How tokens are put together: each times the share of its row, their sum over the normalizer. */
function aggregation(rows: readonly LossRow[], form: LossForm) {
  switch (form.type) {
    case "dapo":
    case "cispo": {
      const tokens = rows.reduce((sum, { current }) => sum + current.length, 0);
      return { shareOf: () => 1, normalizer: tokens };
    }
    case "dr-grpo":
      return { shareOf: () => 1, normalizer: rows.length * form.tokensMax };
    case "grpo":
    case "gspo": {
      const shareOf = ({ current }: LossRow) => 1 / current.length;
      return { shareOf, normalizer: rows.length };
    }
  }
}

/** ln π_reference − ln π; 0 where there is no reference. */
function driftOf({ current, reference }: LossRow, index: number): number {
  return reference === null ? 0 : itemAt(reference, index) - itemAt(current, index);
}

function klSlope(row: LossRow, index: number, { type }: KlRule): number {
  const drift = driftOf(row, index);
  return type === "k2" ? k2Slope(drift) : k3Slope(drift);
}

const estimators = { none: () => 0, k3, k2, "k1-reward": k1 } as const;

/** Sums of what is logged, token by token. */
class Figures {
  #tokens = 0;
  #kl = 0;
  #klOld = 0;
  #ratioSum = 0;
  #ratioMax = 0;
  #mismatchSum = 0;
  #mismatchMax = 0;

  /** Takes a token; gives its estimate of the KL divergence. */
  add(row: LossRow, index: number, { type }: KlRule): number {
    const logRatio = itemAt(row.current, index) - itemAt(row.old, index);
    const ratio = Math.exp(logRatio);
    const kl = estimators[type](driftOf(row, index));
    const mismatch = Math.abs(itemAt(row.sampler, index) - itemAt(row.played ?? row.old, index));
    this.#tokens += 1;
    this.#kl += kl;
    this.#klOld += k3(logRatio);
    this.#ratioSum += ratio;
    this.#ratioMax = Math.max(this.#ratioMax, ratio);
    this.#mismatchSum += mismatch;
    this.#mismatchMax = Math.max(this.#mismatchMax, mismatch);
    return kl;
  }

  means() {
    const tokens = this.#tokens;
    return {
      tokens,
      kl: this.#kl / tokens,
      klOld: this.#klOld / tokens,
      ratioMean: this.#ratioSum / tokens,
      ratioMax: this.#ratioMax,
      mismatchMax: this.#mismatchMax,
      mismatchMean: this.#mismatchSum / tokens,
    };
  }
}
