// Tasks: what an agent is asked, how its turns are read and answered, and how well it did.
export type { DatasetFile } from "./dataset-files.ts";
export { readDataset } from "./dataset-files.ts";
export type {
  BadDatasetRow,
  DatasetRow,
  FieldMapping,
  Read,
  TrainingStep,
} from "./datasets/index.ts";
export { parseRows, parseSteps, stepTasks, tasksOfSteps } from "./datasets/index.ts";
export type { ProtocolName } from "./environment.ts";
export { environment, environmentOf, informationWords } from "./environment.ts";
export type { EnvironmentText, EnvironmentWords, SaidTurn } from "./environment-text.ts";
export { imageMark } from "./environment-text.ts";
export {
  DatasetFileError,
  DatasetRowError,
  PredictionFileError,
  TaskSourceError,
} from "./errors.ts";
export type { MetricRules } from "./metrics/index.ts";
export { exactMatch, f1, metricRules, normalize } from "./metrics/index.ts";
export type {
  CodingRow,
  GreyImage,
  Lesson,
  Loss,
  Message,
  MiniTask,
  Mixture,
  MixtureName,
  Passage,
  PerceptionMix,
  SearchRow,
  Split,
  TeacherFaults,
} from "./mini/index.ts";
export {
  controlTokens,
  demonstrate,
  drawKind,
  drawTask,
  fieldLesson,
  miniCorpus,
  mixtures,
  officialRow,
  pairs,
  pairsKeptOut,
  pairsTrained,
  perceive,
  pixelError,
  programOf,
  repairMenu,
  rightRepair,
  splitOf,
  splitPattern,
  tagTokens,
  vocabularyCorpus,
} from "./mini/index.ts";
export type { MixedSource } from "./mixture.ts";
export { mixtureSource } from "./mixture.ts";
export { withModes } from "./modes.ts";
export type { PaperColumn, PaperRow, PaperTable } from "./paper/index.ts";
export { benchmarkItems, paperTables } from "./paper/index.ts";
export type {
  BadRow,
  Benchmark,
  PlacedPrediction,
  PredictionFile,
  PredictionFormat,
} from "./predictions/index.ts";
export { answerIn, predictionFormats, readPredictions } from "./predictions/index.ts";
export type { PreparedTask } from "./prepared-task.ts";
export type { Action, Problem } from "./protocol/index.ts";
export { informationOf, parseAction, problems } from "./protocol/index.ts";
export { recordedSource } from "./recorded.ts";
export type { ReferenceStep, Similarity } from "./reference/index.ts";
export {
  labelReward,
  labelsIn,
  parseReferenceAction,
  referenceAccuracy,
  referenceFormat,
  withOracleBox,
} from "./reference/index.ts";
export type { CheckImage, RowSourceOptions } from "./rows.ts";
export { rowSource } from "./rows.ts";
export type { TaskSource } from "./source.ts";
export { miniSource, trainingSet } from "./source.ts";
