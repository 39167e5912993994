// The learner: batches, gradients, policies.
export type { BatchSettings, BatchSource, JudgedTrajectory } from "./batch.ts";
export { assembleBatch, cutEvenly } from "./batch.ts";
export type { AssembleCommand, LearnedCommand, LearnerCommand, LearnerRules } from "./decide.ts";
export { decideLearner, mismatchExceeded } from "./decide.ts";
export type { LossSettings, LossTerms, LossTokens } from "./grpo.ts";
export {
  groupAdvantages,
  isFlat,
  k3,
  referenceGradient,
  referenceLoss,
  rewardSpreadMin,
  samplerWeights,
} from "./grpo.ts";
export type { AppliedGradient, LearnerContext, TrailStart } from "./machine.ts";
export { learnerMachine } from "./machine.ts";
export type { GradientPlan, TrainingSample } from "./samples.ts";
export { planGradient, trainingSample } from "./samples.ts";
export type { ScheduleSettings } from "./schedule.ts";
export { learningRateAt } from "./schedule.ts";
