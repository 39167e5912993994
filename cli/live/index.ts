// Lines that are drawn anew while a person looks, of a run or of a command's work.
export { createReporter } from "./reporter.ts";
export { type StageLine, type StageProgress, stageLine } from "./stage-line.ts";
export { stepLine } from "./step-line.ts";
