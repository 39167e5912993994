// The reward as a pure, versioned function of what a trajectory achieved, so that `rejudge` can put
// another one in its place.
import type { RewardComponent } from "../../events/index.ts";

/** The version of `rewardOf`; raised whenever equal metrics give another reward. */
export const rewardVersion = 1;

/** The weight of each component. */
export interface RewardWeights {
  readonly f1: number;
  readonly format: number;
  /** Per executed tool call; negative. */
  readonly calls: number;
}

/** What a trajectory achieved. `em`, `f1` and `format` are 0–1. */
export interface TrajectoryMetrics {
  readonly em: number;
  readonly f1: number;
  readonly format: number;
  readonly calls: number;
}

/** The components in their fixed order, and Σ value · weight in that order. */
export function rewardOf(
  metrics: TrajectoryMetrics,
  weights: RewardWeights,
): { readonly components: RewardComponent[]; readonly reward: number } {
  const components = [
    { name: "f1", value: metrics.f1, weight: weights.f1 },
    { name: "format", value: metrics.format, weight: weights.format },
    { name: "calls", value: metrics.calls, weight: weights.calls },
  ];
  const reward = components.reduce((total, { value, weight }) => total + value * weight, 0);
  return { components, reward };
}
