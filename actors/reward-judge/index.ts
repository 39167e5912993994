// The judge: rewards of trajectories that have ended.

export { AnswerJudge, type AnswerJudgeOptions, promptOf, verdictIn } from "./answer-judge.ts";
export { RewardBook, type RewardBookParts } from "./book.ts";
export { encodeBaseline } from "./carried-baseline.ts";
export { baselineOfGroup, baselineOfPredictions, correctionOf } from "./correction.ts";
export type { PlayedBefore } from "./correction-rule.ts";
export type { JudgeCommand, Outcome } from "./decide.ts";
export { decideJudge } from "./decide.ts";
export {
  AnswerJudgeBusyError,
  AnswerJudgeError,
  RewardModuleError,
  RewardSetupError,
} from "./errors.ts";
export { judgeFunction, type Verdicts } from "./judge-components.ts";
export type { JudgeContext } from "./machine.ts";
export { judgeMachine } from "./machine.ts";
export type { ComparePixels } from "./measure.ts";
export { measure } from "./measure.ts";
export type { OpenRewards, OpenRewardsOptions } from "./open-rewards.ts";
export { openRewards } from "./open-rewards.ts";
export type { RewardModule, RewardTools } from "./own-module.ts";
export { pixelComparison } from "./pixels.ts";
export type { JudgedTurn, Played } from "./played.ts";
export { playedBefore } from "./played-before.ts";
export type {
  ComponentValue,
  ComponentValues,
  RewardSettings,
  TrajectoryMetrics,
} from "./reward.ts";
export { recordedValues, rewardOf } from "./reward.ts";
