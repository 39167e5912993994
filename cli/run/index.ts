// A run on the disk, and what its events come to: steps, evaluations, results.
export { progressOf, type StepFigures, stepFigures } from "./progress.ts";
export { baseName, resultLine, scoredEvaluations } from "./results.ts";
export { resultsLines } from "./results-view.ts";
export {
  budgetFile,
  checkpointsOf,
  configFile,
  eachEvent,
  filesBeside,
  keptConfigOf,
  makeRunDirectory,
  newRunName,
  readRun,
  runConfigOf,
  runDirectory,
  runNames,
  signingKeyOf,
  withRun,
} from "./run-directory.ts";
export { type EvaluationLog, RunLog } from "./run-log.ts";
export { stepTables } from "./step-tables.ts";
