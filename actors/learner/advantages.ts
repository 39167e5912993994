// Advantages of trajectories: one pure function per estimator. Sums run in float64, in the order of
// the groups and their samples. `turn-advantages.ts` has the estimator that tells turns apart.
import { assert } from "../../events/index.ts";
import { itemAt } from "./item-at.ts";

/** Rewards of a group that differ by less than this are equal: rounding, no information. */
export const rewardSpreadMin = 1e-6;
/** Added to a standard deviation before dividing by it, as TRL does. */
const standardDeviationFloor = 1e-4;

/** A named part of a reward, and its weight in the sum. */
export type RewardPart = readonly [name: string, value: number, weight: number];

/** Whether all samples of a group were rewarded alike, so that no advantage is left. */
export function isFlat(rewards: readonly number[]): boolean {
  return Math.max(...rewards) - Math.min(...rewards) < rewardSpreadMin;
}

/**
 * A = (r − mean of the group) / scale. Scale 1 is the advantage of Dr. GRPO (Liu et al.,
 * "Understanding R1-Zero-Like Training", arXiv 2503.20783, section 3.2): no standard deviation, and
 * so no weight on questions that are nearly always or nearly never solved. TRL: `scale_rewards =
 * "none"`.
 */
export function fixedAdvantages(rewards: readonly number[], scale: number): number[] {
  return isFlat(rewards) ? rewards.map(() => 0) : centered(rewards).map((value) => value / scale);
}

/**
 * A = (r − mean) / (std + 1e-4) within the group, std with n − 1 (Shao et al., "DeepSeekMath",
 * arXiv 2402.03300, section 4.1.2; the floor and n − 1 are TRL's `scale_rewards = "group"`, and
 * Visual-ARFT's).
 */
export function groupAdvantages(rewards: readonly number[]): number[] {
  if (isFlat(rewards)) return rewards.map(() => 0);
  const divisor = standardDeviation(rewards) + standardDeviationFloor;
  return centered(rewards).map((value) => value / divisor);
}

/**
 * A = (r − mean of the group) / (std of the batch + 1e-4) (Liu et al., "Part I: Tricks or
 * Traps?", arXiv 2508.08221; TRL's `scale_rewards = "batch"`). Groups without spread count in
 * the standard deviation.
 * @returns per group, per sample
 */
export function batchAdvantages(groups: readonly (readonly number[])[]): number[][] {
  const divisor = standardDeviation(groups.flat()) + standardDeviationFloor;
  return groups.map((rewards) =>
    isFlat(rewards) ? rewards.map(() => 0) : centered(rewards).map((value) => value / divisor),
  );
}

/**
 * A = r − mean of the other samples (RLOO: Ahmadian et al., "Back to Basics", arXiv 2402.14740;
 * TRL's `RLOOTrainer` without `normalize_advantages`).
 */
export function leaveOneOutAdvantages(rewards: readonly number[]): number[] {
  if (rewards.length < 2 || isFlat(rewards)) return rewards.map(() => 0);
  const others = rewards.length - 1;
  return centered(rewards).map((value) => (value * rewards.length) / others);
}

/**
 * GDPO (Liu et al., arXiv 2601.05242): every part of the reward is normalised within
 * its group, the weighted sum of these within the batch,
 *
 *     a = Σ_k weight_k (r_k − mean_k) / (std_k + 1e-4),   A = (a − mean a) / (std a + 1e-4),
 *
 * so that combinations of parts that have the same sum keep apart (TRL's `normalize_then_sum`).
 * A part that a sample does not have counts in no mean and adds nothing.
 * @param groups per group, per sample, the parts of its reward
 */
export function decoupledAdvantages(
  groups: readonly (readonly (readonly RewardPart[])[])[],
): number[][] {
  const sums = groups.map(normalizedSums);
  const all = sums.flat();
  const mean = sum(all) / all.length;
  const divisor = standardDeviation(all) + standardDeviationFloor;
  return sums.map((group) =>
    // A group of equals keeps exactly 0, whatever rounding does to the mean.
    group.every((value) => value === 0) ? group : group.map((value) => (value - mean) / divisor),
  );
}

/** Per sample, the weighted sum of its parts, each normalised within the group. */
function normalizedSums(samples: readonly (readonly RewardPart[])[]): number[] {
  const sums = samples.map(() => 0);
  const names = new Set(samples.flatMap((parts) => parts.map(([name]) => name)));
  for (const name of names) {
    const having = [...samples.keys()].filter((index) => partOf(itemAt(samples, index), name));
    const parts = having.map((index) => partOf(itemAt(samples, index), name));
    const values = groupAdvantages(parts.map((part) => part?.[1] ?? 0));
    for (const [place, index] of having.entries()) {
      sums[index] = itemAt(sums, index) + (parts[place]?.[2] ?? 0) * itemAt(values, place);
    }
  }
  return sums;
}

function partOf(parts: readonly RewardPart[], wanted: string): RewardPart | undefined {
  return parts.find(([name]) => name === wanted);
}

function centered(values: readonly number[]): number[] {
  assert(values.length > 0, "a group has at least one sample");
  const mean = sum(values) / values.length;
  return values.map((value) => value - mean);
}

/** With n − 1; 0 for a single value. */
function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const squares = centered(values).map((value) => value * value);
  return Math.sqrt(sum(squares) / (values.length - 1));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
