// A run that a person begins, goes on with and sees through: what `train`, `eval` and `fork` share.
export { beginningOf, resumedRun } from "./beginning.ts";
export { continuationResults, originalOf, parentJson } from "./continuations.ts";
export { type Results, tellSession } from "./run-session.ts";
