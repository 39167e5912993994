// The judge: rewards of trajectories that have ended.
export type { JudgeCommand, Outcome } from "./decide.ts";
export { decideJudge } from "./decide.ts";
export type { JudgeContext } from "./machine.ts";
export { judgeMachine } from "./machine.ts";
export type { ComparePixels } from "./measure.ts";
export { measure } from "./measure.ts";
export { pixelComparison } from "./pixels.ts";
export type {
  ComponentValue,
  ComponentValues,
  RewardSettings,
  TrajectoryMetrics,
} from "./reward.ts";
export { rewardOf } from "./reward.ts";
