// Importance weights between the engine that sampled and the one that learns. They are constants in
// the gradient. With d = old − sampler log-prob of a token:
import { assert } from "../../events/index.ts";
import { itemAt } from "./item-at.ts";

/** How sampled tokens are weighed. */
export type ImportanceRule =
  | { readonly type: "token"; readonly cap: number }
  | { readonly type: "token-mask"; readonly low: number; readonly high: number }
  | { readonly type: "sequence"; readonly cap: number }
  | { readonly type: "sequence-mask"; readonly low: number; readonly high: number }
  | { readonly type: "geometric-mask"; readonly low: number; readonly high: number };

/** The weights of one trajectory, one per loss-carrying token. */
export function samplerWeights(
  old: Float32Array,
  sampler: Float32Array,
  rule: ImportanceRule,
): Float32Array {
  assert(old.length === sampler.length, "old and sampler log-probs belong to the same tokens");
  const distances = Array.from(old, (value, index) => value - itemAt(sampler, index));
  switch (rule.type) {
    case "token":
      return Float32Array.from(tokenWeights(distances, rule.cap));
    case "token-mask":
      return Float32Array.from(maskedTokenWeights(distances, rule.low, rule.high));
    case "sequence":
      return new Float32Array(old.length).fill(sequenceWeight(distances, rule.cap));
    case "sequence-mask":
      return new Float32Array(old.length).fill(maskedSequence(distances, rule.low, rule.high));
    case "geometric-mask":
      return new Float32Array(old.length).fill(geometricMask(distances, rule.low, rule.high));
  }
}

/**
 * w = min(eᵈ, cap) (Yao et al., "Your Efficient RL Framework Secretly Brings You Off-Policy RL
 * Training", 2025; TRL's `token_truncate`).
 */
function tokenWeights(distances: readonly number[], cap: number): number[] {
  return distances.map((distance) => Math.min(Math.exp(distance), cap));
}

/**
 * w = eᵈ where low ≤ eᵈ ≤ high, else 0 (IcePop: Ling team, "Every Step Evolves", arXiv 2510.18855;
 * TRL's `token_mask`).
 */
function maskedTokenWeights(distances: readonly number[], low: number, high: number): number[] {
  return distances.map((distance) => within(Math.exp(distance), low, high));
}

/** w = min(e^Σd, cap) for all tokens of the sequence (TRL's `sequence_truncate`). */
function sequenceWeight(distances: readonly number[], cap: number): number {
  return Math.min(Math.exp(sum(distances)), cap);
}

/**
 * w = e^Σd where that lies within low and high, else 0, for all tokens of the sequence (masked
 * importance sampling: Liu et al., "When Speed Kills Stability", 2025; TRL's `sequence_mask`).
 */
function maskedSequence(distances: readonly number[], low: number, high: number): number {
  return within(Math.exp(sum(distances)), low, high);
}

/**
 * 1 where low ≤ e^(mean d) ≤ high, else 0: the geometric mean of the tokens' ratios leaves whole
 * sequences out, whatever their length, and weighs none (Liu et al., "When Speed Kills Stability",
 * 2025).
 */
function geometricMask(distances: readonly number[], low: number, high: number): number {
  return within(Math.exp(sum(distances) / distances.length), low, high) === 0 ? 0 : 1;
}

function within(ratio: number, low: number, high: number): number {
  return ratio >= low && ratio <= high ? ratio : 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
