// The run: the plan, its steps and evaluations.

export { castGroups, splitGroups } from "./casting.ts";
export type { Member } from "./crew.ts";
export { Crew } from "./crew.ts";
export type { AdvanceCommand, RunCommand, RunRules, StartCommand } from "./decide.ts";
export { decideRun } from "./decide.ts";
export type { RunParts } from "./effects.ts";
export { runEffects } from "./effects.ts";
export type { EvaluateCommand, EvaluationCommand, SummarizeCommand } from "./evaluation-decide.ts";
export { decideEvaluation } from "./evaluation-decide.ts";
export type { EvaluationContext } from "./evaluation-machine.ts";
export { evaluationMachine } from "./evaluation-machine.ts";
export type { ItemParams, RunContext } from "./machine.ts";
export { runMachine } from "./machine.ts";
export type {
  EvaluationSettings,
  PlanItem,
  PlannedEvaluation,
  PlannedStep,
  PlanSettings,
} from "./plan.ts";
export { planOf } from "./plan.ts";
export { evaluationsBefore, runRules } from "./rules.ts";
export type { Performance, StageParts } from "./stage.ts";
export { Stage } from "./stage.ts";
export type { PlayedTask } from "./summary.ts";
export { pixelErrorRepairedMax, summarize } from "./summary.ts";
export type { WatchedLedger } from "./watch.ts";
export { Watch } from "./watch.ts";
