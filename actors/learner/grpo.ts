// Group relative policy optimization, as pure functions over numbers. The gradient itself comes
// from the model's graph; `referenceLoss` says in plain TypeScript what that graph has to compute.
//
// Sources: advantages from Shao et al., "DeepSeekMath" (arXiv 2402.03300, section 4.1), with the
// constant scale and the token-level mean of Liu et al., "Understanding R1-Zero-Like Training"
// (arXiv 2503.20783, section 3) and Yu et al., "DAPO" (arXiv 2503.14476, sections 3.1 and 3.3,
// which also gives the two-sided clip); truncated importance weights from Yao et al., "Your
// Efficient RL Framework Secretly Brings You Off-Policy RL Training" (2025); the k3 estimator of KL
// from Schulman, "Approximating KL Divergence" (2020).
import { assert } from "../../events/index.ts";
import { itemAt } from "./item-at.ts";

/** Rewards of a group that differ by less than this are equal: rounding, no information. */
export const rewardSpreadMin = 1e-6;
/** Added to a standard deviation before dividing by it. */
const standardDeviationFloor = 1e-4;

/** Whether all samples of a group were rewarded alike, so that no advantage is left. */
export function isFlat(rewards: readonly number[]): boolean {
  return Math.max(...rewards) - Math.min(...rewards) < rewardSpreadMin;
}

/**
 * The advantages of a group: A = (r − mean(r)) / scale.
 * @param scale a constant, or "std" for the standard deviation of the group
 */
export function groupAdvantages(rewards: readonly number[], scale: number | "std"): number[] {
  assert(rewards.length > 0, "a group has at least one sample");
  if (isFlat(rewards)) return rewards.map(() => 0);
  const mean = sum(rewards) / rewards.length;
  const centered = rewards.map((reward) => reward - mean);
  const variance = sum(centered.map((value) => value * value)) / rewards.length;
  const divisor = scale === "std" ? Math.sqrt(variance) + standardDeviationFloor : scale;
  return centered.map((value) => value / divisor);
}

/**
 * Truncated importance weights between the engine that sampled and the one that learns:
 * w = min(π_old / π_sampler, cap), constant in the gradient.
 */
export function samplerWeights(
  old: Float32Array,
  sampler: Float32Array,
  cap: number,
): Float32Array {
  assert(old.length === sampler.length, "old and sampler log-probs belong to the same tokens");
  return old.map((value, index) => Math.min(Math.exp(value - itemAt(sampler, index)), cap));
}

/** What shapes the loss. */
export interface LossSettings {
  /** ρ is clipped to [1 − low, 1 + high]. */
  readonly clipLow: number;
  readonly clipHigh: number;
  /** β of the KL term; 0: no reference policy. */
  readonly klCoefficient: number;
}

/** The loss-carrying tokens of a minibatch, one entry per token. */
export interface LossTokens {
  readonly current: Float32Array;
  readonly old: Float32Array;
  readonly sampler: Float32Array;
  readonly weights: Float32Array;
  readonly advantages: Float32Array;
  /** Log-probs of the reference policy; null where β is 0. */
  readonly reference: Float32Array | null;
}

/** Loss terms and the figures that are logged beside them. */
export interface LossTerms {
  readonly tokens: number;
  readonly loss: number;
  readonly policyLoss: number;
  readonly kl: number;
  /** How far the step has moved the policy, as k3 of old against current. */
  readonly klOld: number;
  readonly ratioMean: number;
  readonly ratioMax: number;
  /** Share of tokens whose gradient the clip has cut off, 0–1. */
  readonly clipFraction: number;
  readonly mismatchMax: number;
  readonly mismatchMean: number;
}

/**
 * The loss of a minibatch of N tokens, with ρ = π_current / π_old and r = π_reference / π_current:
 *
 *     L = Σ −w · min(ρA, clip(ρ, 1 − low, 1 + high) A) / N  +  β Σ (r − ln r − 1) / N
 *
 * Natural logarithms; sums run in the order of the tokens, in float64.
 */
export function referenceLoss(tokens: LossTokens, settings: LossSettings): LossTerms {
  const count = tokens.current.length;
  assert(count > 0, "a minibatch has at least one token");
  let policyLoss = 0;
  let kl = 0;
  let klOld = 0;
  let ratioSum = 0;
  let ratioMax = 0;
  let clipped = 0;
  let mismatchSum = 0;
  let mismatchMax = 0;
  for (let index = 0; index < count; index++) {
    const advantage = itemAt(tokens.advantages, index);
    const current = itemAt(tokens.current, index);
    const old = itemAt(tokens.old, index);
    const ratio = Math.exp(current - old);
    const bounded = Math.min(Math.max(ratio, 1 - settings.clipLow), 1 + settings.clipHigh);
    policyLoss -= itemAt(tokens.weights, index) * Math.min(ratio * advantage, bounded * advantage);
    if (bounded * advantage < ratio * advantage) clipped++;
    if (tokens.reference !== null) kl += k3(itemAt(tokens.reference, index) - current);
    klOld += k3(current - old);
    ratioSum += ratio;
    ratioMax = Math.max(ratioMax, ratio);
    const mismatch = Math.abs(itemAt(tokens.sampler, index) - old);
    mismatchSum += mismatch;
    mismatchMax = Math.max(mismatchMax, mismatch);
  }
  return {
    tokens: count,
    loss: (policyLoss + settings.klCoefficient * kl) / count,
    policyLoss: policyLoss / count,
    kl: kl / count,
    klOld: klOld / count,
    ratioMean: ratioSum / count,
    ratioMax,
    clipFraction: clipped / count,
    mismatchMax,
    mismatchMean: mismatchSum / count,
  };
}

/**
 * ∂L/∂(current log-prob) per token: −w ρ A / N where the clip leaves the token alone, 0 where it
 * cuts it off, plus β (1 − r) / N.
 */
export function referenceGradient(tokens: LossTokens, settings: LossSettings): Float64Array {
  const count = tokens.current.length;
  return Float64Array.from(tokens.current, (current, index) => {
    const advantage = itemAt(tokens.advantages, index);
    const ratio = Math.exp(current - itemAt(tokens.old, index));
    const bounded = Math.min(Math.max(ratio, 1 - settings.clipLow), 1 + settings.clipHigh);
    const cut = bounded * advantage < ratio * advantage;
    const policy = cut ? 0 : -itemAt(tokens.weights, index) * ratio * advantage;
    const reference = tokens.reference === null ? current : itemAt(tokens.reference, index);
    const kl = settings.klCoefficient * (1 - Math.exp(reference - current));
    return (policy + kl) / count;
  });
}

/**
 * k3(x) = eˣ − x − 1 with x = ln π_other − ln π_sampled: an unbiased estimate of the KL divergence
 * of the other policy from the one that sampled the tokens, never negative.
 */
export function k3(logRatio: number): number {
  return Math.exp(logRatio) - logRatio - 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
