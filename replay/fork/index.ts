// Fork: what a new run begins with that goes on from another one.
export { unlikeParent } from "./beside-parent.ts";
export { ForkError } from "./errors.ts";
export { type ForkReader, type ForkStart, forkAtStep, type StepForkOptions } from "./fork-step.ts";
export {
  forkAtTurn,
  type TurnFork,
  type TurnForkOptions,
} from "./fork-trajectory.ts";
export { recordedTask } from "./recorded-task.ts";
