// One trajectory played again from its events: what each turn and each answer of a tool led to.
//
// 1. With words (the checkpoint's tokenizer) everything is derived: the prompt, the action that the
//    sampled tokens spell, what the environment replies. Without them the action is taken from what
//    was recorded, and what is compared is what a trajectory may do with it: its limits, its
//    policy, its image, its end.
import {
  decideRollout,
  type Kept,
  playCommand,
  type RolloutCommand,
  type RolloutWords,
  type TrajectoryContext,
  toolResult,
  trajectoryMachine,
  turnResult,
} from "../../actors/index.ts";
import {
  assert,
  type EventData,
  type EventEnvelope,
  ensureError,
  type HashName,
  type Sampling,
  type Task,
} from "../../events/index.ts";
import { compareDecision } from "./decided.ts";
import type { Findings } from "./findings.ts";
import { dataOf, type FoldedCommand, foldCommands } from "./fold-commands.ts";
import { unequal } from "./unequal.ts";

type Folded = FoldedCommand<typeof trajectoryMachine>;
type Limits = RolloutWords["limits"];

/** A trajectory as the plan has it. */
export interface PlannedTrajectory {
  readonly stream: string;
  readonly group: number;
  readonly sample: number;
  readonly task: Task;
  readonly policy: HashName;
  readonly sampling: Sampling;
}

/** A sampled turn, and the state that it was sampled in. */
export interface FoldedTurn {
  readonly event: EventEnvelope<EventData<"turn.sampled">>;
  readonly before: TrajectoryContext;
}

export interface FoldedTrajectory extends PlannedTrajectory {
  readonly context: TrajectoryContext;
  /** Its events as far as they could be folded. */
  readonly events: readonly EventEnvelope[];
  readonly turns: readonly FoldedTurn[];
  readonly calls: readonly FoldedCall[];
}

/** A tool call, and what came back. */
export interface FoldedCall {
  readonly call: EventData<"tool.called">;
  readonly answer: EventEnvelope<EventData<"tool.returned">>;
}

/** What is needed to repeat the decisions of trajectories. */
export interface TrajectoryRules {
  readonly limits: Limits;
  /** Null: the actions are taken from what was recorded. */
  readonly words: RolloutWords | null;
  /** What the run continues; null where its trajectories are new. */
  readonly kept: Kept | null;
  readonly findings: Findings;
}

/** Folds a trajectory and, where `compared`, repeats its decisions. */
export async function replayTrajectory(
  rules: TrajectoryRules,
  planned: PlannedTrajectory,
  events: readonly EventEnvelope[],
  compared: boolean,
): Promise<FoldedTrajectory> {
  const { findings } = rules;
  const folded = foldCommands(trajectoryMachine, planned.stream, events, findings);
  for (const command of compared ? folded.commands : []) {
    const [first] = command.events;
    if (first === undefined) continue;
    try {
      await repeat(rules, planned, command);
    } catch (thrown) {
      findings.compare("turns", first, ensureError(thrown).message);
    }
  }
  const turns = folded.commands.flatMap(({ events: [event], before: { context: before } }) =>
    event !== undefined && dataOf(event, "turn.sampled") !== null
      ? [{ event: event as FoldedTurn["event"], before }]
      : [],
  );
  const { commands, state } = folded;
  const { context } = state;
  const taken = commands.flatMap((command) => command.events);
  return { ...planned, context, events: taken, turns, calls: callsOf(commands) };
}

function callsOf(commands: readonly Folded[]): FoldedCall[] {
  return commands.flatMap(({ events: [event], before }) => {
    const call = before.context.pending;
    return call === null || event === undefined || dataOf(event, "tool.returned") === null
      ? []
      : [{ call, answer: event as FoldedCall["answer"] }];
  });
}

async function repeat(
  rules: TrajectoryRules,
  planned: PlannedTrajectory,
  { events, before }: Folded,
): Promise<void> {
  const { limits, words, kept, findings } = rules;
  const [first, next] = events;
  if (first === undefined) return;
  if (kept !== null) compareKept(kept, first, before.context, findings);
  const action = actionOf(next);
  const parseAction = words?.environment.parseAction ?? (() => action);
  const command = await commandOf(rules, planned, events, before.context);
  const decide = decideRollout({ limits, parseAction, kept });
  const identified = { ...command, id: first.command } as RolloutCommand;
  compareDecision(findings, "turns", events, decide(identified, before));
}

/** What was kept of another run is here as it was there. */
function compareKept(
  { turns, answers }: Kept,
  event: EventEnvelope,
  { calls }: TrajectoryContext,
  findings: Findings,
): void {
  const turn = dataOf(event, "turn.sampled");
  const kept = turn !== null ? turns[turn.turn] : dataOf(event, "tool.returned") && answers[calls];
  if (kept == null) return;
  const reason = unequal(kept, event.data);
  findings.compare("turns", event, reason && `it is not what was kept: ${reason}`);
}

type Unnamed<C> = C extends RolloutCommand ? Omit<C, "id"> : never;

/** The command that made an event, as far as it can be told from the events. */
async function commandOf(
  { words, limits }: TrajectoryRules,
  planned: PlannedTrajectory,
  [first, next]: readonly EventEnvelope[],
  context: TrajectoryContext,
): Promise<Unnamed<RolloutCommand>> {
  const { task, sampling } = planned;
  const observed = {};
  const turn = dataOf(first, "turn.sampled");
  if (turn !== null) {
    const sampled = { ...turn, observed };
    if (words !== null) return turnResult(words, task, sampled, context);
    return { type: "turn", ...sampled, text: "", reply: addedBy(next, limits) };
  }
  const answer = dataOf(first, "tool.returned");
  if (answer !== null) {
    const given = { ...answer, observed };
    const { turn: number, tool } = context.pending ?? answer;
    if (words !== null) {
      const { history } = context;
      return toolResult(words, task, { turn: number, tool }, given, {
        mode: sampling.mode,
        history,
      });
    }
    const { cause: outcome, ...said } = given;
    return { type: "tool", ...said, outcome, report: addedBy(next, limits) };
  }
  const started = dataOf(first, "trajectory.started");
  assert(started !== null, "a trajectory begins, speaks or hears");
  const { ids, images, units } = started;
  const prompt =
    words === null
      ? { ids, images, ...(units && { units }) }
      : await words.encoder.prompt(words.environment.prompt(task, sampling.mode));
  return playCommand(planned.stream, planned, task, prompt);
}

/** What the environment added: as it is recorded or, where it did not fit, more than fits. */
function addedBy(next: EventEnvelope | undefined, { contextTokensMax }: Limits) {
  const prompted = dataOf(next, "turn.prompted");
  if (prompted !== null) {
    const { ids, images, fresh } = prompted;
    return { ids, images, ...(fresh && { fresh }) };
  }
  return { ids: new Int32Array(contextTokensMax), images: [] };
}

/** The action that the consequence of a turn claims. */
function actionOf(next: EventEnvelope | undefined) {
  const called = dataOf(next, "tool.called");
  if (called?.tool === "python") return { kind: "code", program: called.input } as const;
  if (called?.tool === "search") return { kind: "search", query: called.input } as const;
  const ended = dataOf(next, "trajectory.ended");
  if (ended?.cause === "answered") return { kind: "answer", answer: ended.answer ?? "" } as const;
  if (ended?.cause === "malformed") return { kind: "malformed", reason: "" } as const;
  return { kind: "problem", problems: [] } as const;
}
