// The actors of a run: what the head and its workers do, and how results are compared.
export type { ResultDifference, ResultEvent, ResultSource, RunResult } from "./compare.ts";
export { firstDifference, resultOf, resultOfEvents } from "./compare.ts";
export {
  EvidenceError,
  MessageError,
  RunMismatchError,
  WorkerFaultError,
} from "./errors.ts";
export type { Head } from "./head.ts";
export { startHead } from "./head.ts";
export type { HeadOptions } from "./head-options.ts";
export type {
  GradientRow,
  GradientSettings,
  LearnedGradient,
  LearnerState,
  LearnerWorkerOptions,
  MicroGradient,
  PolicyOptimizer,
  PolicyTrainer,
  RecoveryParts,
  Tensors,
  TrainingSample,
  WeighedSample,
} from "./learner/index.ts";
export {
  advantageOf,
  assembleBatch,
  decideLearner,
  factNeeds,
  GradientSum,
  judgedTrajectories,
  learnerMachine,
  learnerRules,
  learningRateAt,
  learnSettings,
  learnStep,
  recoverState,
  repricing,
  runLearnerWorker,
  trainingSample,
  warmStart,
} from "./learner/index.ts";
export type {
  InitialPolicy,
  LearnerPolicy,
  RolloutPolicy,
  StoredWeights,
} from "./policy/index.ts";
export {
  type CheckpointFile,
  checkpointFiles,
  checkpointHash,
  checkpointName,
  initialPolicy,
  noOptimizer,
  openLearnerPolicy,
  openRolloutPolicy,
  storedWeights,
  tuningOf,
  vocabularyOf,
} from "./policy/index.ts";
export type { HeadState, RunAddress } from "./protocol.ts";
export { headActor, Messenger } from "./protocol.ts";
export type {
  ComparePixels,
  JudgedTurn,
  OpenRewards,
  OpenRewardsOptions,
  Outcome as JudgedOutcome,
  Played,
  RewardModule,
  RewardTools,
  Verdicts,
} from "./reward-judge/index.ts";
export {
  decideJudge,
  encodeBaseline,
  judgeFunction,
  judgeMachine,
  measure,
  openRewards,
  pixelComparison,
  playedBefore,
  RewardSetupError,
  recordedValues,
} from "./reward-judge/index.ts";
export type {
  EncodedText,
  Encoder,
  Environment,
  EnvironmentText,
  Kept,
  PolicySampler,
  RolloutCommand,
  RolloutWords,
  RolloutWorkerOptions,
  SampledTurn,
  TrajectoryContext,
  TurnRequest,
} from "./rollout/index.ts";
export {
  decideRollout,
  encodeKept,
  engineName,
  keptOf,
  playCommand,
  runRolloutWorker,
  showCodePoints,
  toolResult,
  trajectoryLimits,
  trajectoryMachine,
  turnRequest,
  turnResult,
  turnText,
} from "./rollout/index.ts";
export {
  decideEvaluation,
  decideRun,
  evaluationMachine,
  evaluationsBefore,
  pixelErrorRepairedMax,
  runMachine,
  runRules,
  summarize,
} from "./run/index.ts";
export type { SandboxLogOptions } from "./sandbox-log.ts";
export { noticesMax, SandboxLog } from "./sandbox-log.ts";
export type {
  ProgramRunner,
  SearchEngine,
  ToolExecutorOptions,
} from "./tool-executor/index.ts";
export { searchEngine, ToolExecutor } from "./tool-executor/index.ts";
export { reportFault } from "./worker.ts";
