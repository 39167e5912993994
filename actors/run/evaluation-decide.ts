// An evaluation begins once and ends once. Pure.
import type { SnapshotFrom } from "xstate";
import { type EvaluationSummary, type EventData, event } from "../../events/index.ts";
import type { ActorCommand, Decision } from "../../runtime/index.ts";
import { imagesOf } from "./decide.ts";
import type { evaluationMachine } from "./evaluation-machine.ts";

/** Begin the evaluation. */
export interface EvaluateCommand extends ActorCommand {
  readonly type: "evaluate";
  readonly started: EventData<"evaluation.started">;
}

/** All its trajectories are judged. */
export interface SummarizeCommand extends ActorCommand {
  readonly type: "summarize";
  readonly summary: EvaluationSummary;
}

export type EvaluationCommand = EvaluateCommand | SummarizeCommand;

/** `decide` of an evaluation. */
export function decideEvaluation(
  command: EvaluationCommand,
  state: SnapshotFrom<typeof evaluationMachine>,
): Decision {
  const { started, completed } = state.context;
  if (command.type === "evaluate") {
    if (started !== null) return { duplicate: true };
    return {
      events: [event("evaluation.started", command.started)],
      blobs: [...new Set(command.started.tasks.flatMap(imagesOf))],
    };
  }
  if (completed !== null) return { duplicate: true };
  if (started === null) return { rejection: "an evaluation is summarized after it has begun" };
  const { evaluation, name, policy } = started;
  const { summary } = command;
  return { events: [event("evaluation.completed", { evaluation, name, policy, summary })] };
}
