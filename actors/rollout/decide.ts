// What a trajectory does with a sampled turn or a tool's answer. Pure: equal commands in equal
// states give equal events, on any worker and in any replay.

import type { SnapshotFrom } from "xstate";
import {
  assert,
  type EventData,
  event,
  type HashName,
  type NewEvent,
  type Sampling,
} from "../../events/index.ts";
import type { ActorCommand, Decision } from "../../runtime/index.ts";
import type { trajectoryMachine } from "./machine.ts";
import type { Action, EncodedText, Mode, ParseAction } from "./ports.ts";

/** What bounds a trajectory (I7). */
export interface TrajectoryLimits {
  /** Turns of the model. */
  readonly turnsMax: number;
  /** Executed tool calls. */
  readonly callsMax: number;
  /** Tokens of one turn. */
  readonly turnTokensMax: number;
  /** Tokens of the whole context, the turn that is about to be sampled included. */
  readonly contextTokensMax: number;
}

/** Begins the trajectory. */
export interface PlayCommand extends ActorCommand {
  readonly type: "play";
  readonly policy: HashName;
  readonly task: string;
  readonly sampling: Sampling;
  readonly prompt: EncodedText;
  /** What is searched for before the first turn, where the mode is `rag`. */
  readonly query?: string;
}

/** The model has written a turn. */
export interface TurnCommand extends ActorCommand {
  readonly type: "turn";
  readonly turn: number;
  /** The hash of the parameters that were really used. */
  readonly policy: HashName;
  readonly ids: Int32Array;
  readonly text: string;
  readonly logProbs: Float32Array;
  readonly entropy: number;
  readonly finish: "stop" | "length";
  readonly unscored?: true | undefined;
  /** What the environment replies where no tool is called: to a diagnosis, to one call too many. */
  readonly reply: EncodedText | null;
  /** What is run in the place of the turn's program, where that is another. */
  readonly program?: string | undefined;
  readonly observed: Readonly<Record<string, unknown>>;
}

/** A tool has answered. */
export interface ToolCommand extends ActorCommand {
  readonly type: "tool";
  readonly turn: number;
  /** What came of the call. Not `cause`: that is the event which led to the command. */
  readonly outcome: string;
  readonly text: string;
  readonly image: HashName | null;
  readonly report: EncodedText;
  readonly observed: Readonly<Record<string, unknown>>;
}

export type RolloutCommand = PlayCommand | TurnCommand | ToolCommand;

type State = SnapshotFrom<typeof trajectoryMachine>;
type CallingAction = Extract<Action, { kind: "code" | "search" }>;
type EndCause = EventData<"trajectory.ended">["cause"];

/** What `decide` must know besides the events. */
export interface RolloutRules {
  readonly limits: TrajectoryLimits;
  readonly parseAction: ParseAction;
  /** Where a trajectory is continued: the turns that were sampled before, by their policies. */
  readonly kept?: { readonly turns: readonly Pick<TurnCommand, "policy">[] } | null;
}

/** `decide` of a trajectory under `rules`. */
export function decideRollout(
  rules: RolloutRules,
): (command: RolloutCommand, state: State) => Decision {
  return (command, state) => {
    switch (command.type) {
      case "play":
        return play(rules.limits, command, state);
      case "turn":
        return takeTurn(rules, command, state);
      case "tool":
        return takeAnswer(rules.limits, command, state);
    }
  };
}

function play(limits: TrajectoryLimits, command: PlayCommand, state: State): Decision {
  if (!state.matches("empty")) return { duplicate: true };
  const { policy, task, sampling, prompt } = command;
  const needed = prompt.ids.length + limits.turnTokensMax;
  if (needed > limits.contextTokensMax) {
    return {
      rejection:
        `the prompt of task ${task} needs ${needed} tokens with its first turn, ` +
        `context_tokens_max is ${limits.contextTokensMax}: raise it or shorten the prompt`,
    };
  }
  const { ids, images, units } = prompt;
  const facts = { policy, task, sampling, ids, images: [...images] };
  const started = event("trajectory.started", { ...facts, ...(units && { units }) });
  if (sampling.mode !== "rag") return { events: [started], blobs: images };
  assert(command.query !== undefined, `task ${task} is searched for before it is answered`);
  const call = { turn: 0, tool: "search" as const, input: command.query, image: null };
  return { events: [started, event("tool.called", call)], blobs: images };
}

function takeTurn(rules: RolloutRules, command: TurnCommand, state: State): Decision {
  const { context } = state;
  if (!state.matches("sampling") || command.turn < context.turns) return { duplicate: true };
  if (command.turn > context.turns) {
    return { rejection: `turn ${command.turn} came before turn ${context.turns}` };
  }
  const planned = rules.kept?.turns[command.turn]?.policy ?? context.policy;
  if (command.policy !== planned) return { rejection: policyMismatch(planned, command.policy) };
  const scored = command.unscored ? 0 : command.ids.length;
  if (command.logProbs.length !== scored || command.ids.length === 0) {
    return {
      rejection: `turn ${command.turn} has ${command.ids.length} ids and ${command.logProbs.length} log-probs`,
    };
  }
  const { turn, policy, ids, logProbs, entropy, finish, unscored, observed } = command;
  const spoken = { turn, policy, ids, logProbs, entropy, finish };
  const sampled = event("turn.sampled", { ...spoken, ...(unscored && { unscored }), observed });
  const action = readAction(rules.parseAction, command, context.sampling?.mode);
  const consequence = follow(rules.limits, action, command, state);
  return { events: [sampled, consequence] };
}

/**
 * The action of a turn. A turn that was cut off says nothing, unless it has already answered; where
 * the whole turn is the answer, a part of it is none.
 */
export function readAction(
  parseAction: ParseAction,
  { text, finish }: Pick<TurnCommand, "text" | "finish">,
  mode?: Mode,
): Action {
  const action = parseAction(text, mode);
  const isWhole = mode === "direct" || mode === "rag";
  if (finish === "stop" || (action.kind === "answer" && !isWhole)) return action;
  return { kind: "malformed", reason: "the turn reached its token limit" };
}

function follow(
  limits: TrajectoryLimits,
  action: Action,
  command: TurnCommand,
  { context }: State,
): NewEvent {
  const { turn } = command;
  const turns = turn + 1;
  const end = (cause: EndCause, answer: string | null = null) =>
    event("trajectory.ended", { cause, answer, turns, calls: context.calls });
  if (action.kind === "answer") return end("answered", action.answer);
  if (action.kind === "malformed") return end("malformed");
  if (turns >= limits.turnsMax) return end("turn-limit");
  if (!callsTool(action, context.calls, limits)) {
    assert(command.reply !== null, `turn ${turn} asks for a reply and the command has none`);
    const length = context.length + command.ids.length;
    return prompted(limits, turns, length, command.reply) ?? end("context-limit");
  }
  return action.kind === "code"
    ? event("tool.called", {
        turn,
        tool: "python",
        input: command.program ?? action.program,
        image: context.images.at(-1) ?? null,
      })
    : event("tool.called", { turn, tool: "search", input: action.query, image: null });
}

/** Whether an action leads to a tool call after `calls` of them. */
export function callsTool(
  action: Action,
  calls: number,
  { callsMax }: TrajectoryLimits,
): action is CallingAction {
  return (action.kind === "code" || action.kind === "search") && calls < callsMax;
}

function takeAnswer(limits: TrajectoryLimits, command: ToolCommand, state: State): Decision {
  const { context } = state;
  if (context.pending?.turn !== command.turn) return { duplicate: true };
  const { turn, outcome, text, image, report, observed } = command;
  const returned = event("tool.returned", {
    turn,
    tool: context.pending.tool,
    cause: outcome,
    text,
    image,
    observed,
  });
  const next =
    prompted(limits, context.turns, context.length, report) ??
    event("trajectory.ended", {
      cause: "context-limit",
      answer: null,
      turns: context.turns,
      calls: context.calls + 1,
    });
  const blobs = [...new Set([...(image === null ? [] : [image]), ...report.images])];
  return { events: [returned, next], blobs };
}

/** The prompt of turn `turn`, or null where it and the turn would not fit into the context. */
function prompted(
  limits: TrajectoryLimits,
  turn: number,
  length: number,
  { ids, images, fresh }: EncodedText,
): NewEvent | null {
  const before = fresh ? 0 : length;
  if (before + ids.length + limits.turnTokensMax > limits.contextTokensMax) return null;
  return event("turn.prompted", { turn, ids, images: [...images], ...(fresh && { fresh }) });
}

/** The words of the alarm that a worker sampled with another policy than the planned one (I6). */
export function policyMismatch(planned: string | null, used: string): string {
  return (
    `policy mismatch: ${planned} is planned, the worker sampled with ${used}. ` +
    "Nothing was recorded; stop this worker and start it anew"
  );
}
