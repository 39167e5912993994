// The learner: batches, gradients, policies.
export type { BatchSettings, BatchSource, JudgedTrajectory } from "./batch.ts";
export { advantageOf, assembleBatch, repricing } from "./batch.ts";
export { cutEvenly } from "./cut-evenly.ts";
export type { AssembleCommand, LearnedCommand, LearnerCommand, LearnerRules } from "./decide.ts";
export { decideLearner, mismatchExceeded } from "./decide.ts";
export type { LearnerEffectsOptions, LearnerStorage } from "./effects.ts";
export { learnerEffects } from "./effects.ts";
export type { AdvantageRule, Estimate, EstimatedSample } from "./estimate.ts";
export { estimateAdvantages, hasSpread } from "./estimate.ts";
export type { FactNeeds, JudgedEvents } from "./facts.ts";
export { factNeeds, judgedTrajectories } from "./facts.ts";
export { GradientSum } from "./gradient-sum.ts";
export type { ImportanceRule } from "./importance.ts";
export { samplerWeights } from "./importance.ts";
export type {
  LearnExtras,
  LearnedGradient,
  LearnedStep,
  LearnParts,
  LearnSettings,
  Reprice,
  WeighedSample,
} from "./learn-step.ts";
export { learnStep } from "./learn-step.ts";
export type { LossForm, LossRow, LossSettings, LossTerms } from "./loss.ts";
export { lossInGraph, lossSlopes, lossTerms } from "./loss.ts";
export type { AppliedGradient, LearnerContext, TrailStart } from "./machine.ts";
export { learnerMachine } from "./machine.ts";
export { adamOptimizer, modelTrainer } from "./model-trainer.ts";
export { overlongPunishment } from "./overlong.ts";
export type {
  GradientRow,
  GradientSettings,
  LearnerState,
  MicroGradient,
  PolicyOptimizer,
  PolicyTrainer,
  Tensors,
} from "./ports.ts";
export type { RecoveryParts } from "./recovery.ts";
export { recoverState } from "./recovery.ts";
export type { GradientPlan, TrainingSample } from "./samples.ts";
export { planGradient, trainingSample } from "./samples.ts";
export type { ScheduleSettings } from "./schedule.ts";
export { learningRateAt } from "./schedule.ts";
export { learnerRules, learnSettings } from "./settings.ts";
export type { WarmStartProgress, WarmStartSettings } from "./supervised/index.ts";
export { warmStart } from "./supervised/index.ts";
export { type LearnerWorkerOptions, runLearnerWorker } from "./worker.ts";
