// The actors of a run: what the head and its workers do, and how results are compared.
export type { ResultDifference, ResultEvent, ResultSource, RunResult } from "./compare.ts";
export { firstDifference, resultOf, resultOfEvents } from "./compare.ts";
export {
  EvidenceError,
  MessageError,
  RunMismatchError,
  WorkerFaultError,
} from "./errors.ts";
export type { Head, HeadOptions } from "./head.ts";
export { startHead } from "./head.ts";
export type {
  GradientRow,
  GradientSettings,
  LearnerState,
  LearnerWorkerOptions,
  MicroGradient,
  PolicyOptimizer,
  PolicyTrainer,
  Tensors,
  TrainingSample,
} from "./learner/index.ts";
export { runLearnerWorker, warmStart } from "./learner/index.ts";
export type { InitialPolicy, LearnerPolicy, RolloutPolicy } from "./policy/index.ts";
export {
  checkpointHash,
  initialPolicy,
  openLearnerPolicy,
  openRolloutPolicy,
  tuningOf,
  vocabularyOf,
} from "./policy/index.ts";
export type { RunAddress } from "./protocol.ts";
export { headActor, Messenger } from "./protocol.ts";
export type { ComparePixels } from "./reward-judge/index.ts";
export { pixelComparison } from "./reward-judge/index.ts";
export type {
  EncodedText,
  Encoder,
  Environment,
  EnvironmentText,
  PolicySampler,
  RolloutWorkerOptions,
  SampledTurn,
  TurnRequest,
} from "./rollout/index.ts";
export { engineName, runRolloutWorker } from "./rollout/index.ts";
export type {
  ProgramRunner,
  SearchEngine,
  ToolExecutorOptions,
} from "./tool-executor/index.ts";
export { searchEngine, ToolExecutor } from "./tool-executor/index.ts";
export { reportFault } from "./worker.ts";
