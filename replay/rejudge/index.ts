// Rejudge: another reward over the trajectories of a run.
export { type Agreement, agreementOf, directionOf } from "./direction.ts";
export { type AdvantageChange, advantageChange } from "./flips.ts";
export type { GradientChange, RejudgingEngine } from "./gradients.ts";
export type {
  RejudgedStep,
  RejudgeOptions,
  RejudgeProgress,
  RejudgeVerdict,
  Rejudging,
} from "./rejudge.ts";
export { rejudgeRun } from "./rejudge.ts";
export type { RecordedRewards } from "./rewards.ts";
export type { Both, ComponentChange, RewardChange } from "./tally.ts";
export { recordedVerdicts } from "./verdicts.ts";
