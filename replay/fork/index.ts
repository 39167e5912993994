// Fork: what a new run begins with that goes on from another one.
export { ForkError } from "./errors.ts";
export { type ForkReader, type ForkStart, forkAtStep, type StepForkOptions } from "./fork-step.ts";
export { hashAt } from "./position.ts";
