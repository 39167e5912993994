// What trajectories do to the world: sample turns, have tools called. The results come back as
// commands; nothing here decides what they mean.
import { assert, type EventData, type HashName, type Task } from "../../events/index.ts";
import type { EffectCall, EffectContext, EffectResult, Effects } from "../../runtime/index.ts";
import type { ToolReply, ToolRequest } from "../protocol.ts";
import {
  callsTool,
  type RolloutCommand,
  readAction,
  type ToolCommand,
  type TrajectoryLimits,
  type TurnCommand,
} from "./decide.ts";
import { type Kept, keptAnswer, requireKept } from "./kept.ts";
import type { PendingCall, PlayedTurn, TrajectoryContext, trajectoryMachine } from "./machine.ts";
import type {
  EncodedText,
  Encoder,
  Environment,
  EnvironmentText,
  Mode,
  SaidTurn,
  SampledTurn,
  ToolAnswer,
} from "./ports.ts";
import type { TurnBatcher } from "./turn-batcher.ts";
import { turnRequest } from "./turn-request.ts";

type Machine = typeof trajectoryMachine;
type Result = EffectResult<RolloutCommand>;
type Context = EffectContext<Machine>;

/** What the effects use. */
export interface RolloutParts {
  readonly seed: number;
  readonly limits: TrajectoryLimits;
  /** What is continued; null where everything is new. */
  readonly kept: Kept | null;
  readonly environment: Environment;
  readonly encoder: Encoder;
  readonly batcher: TurnBatcher;
  /** The hash of the parameters that the engine holds now. */
  readonly heldPolicy: () => HashName;
  readonly taskOf: (stream: string) => Task;
  readonly callTool: (
    effectId: string,
    request: ToolRequest,
    signal: AbortSignal,
  ) => Promise<ToolReply>;
  /** This worker's id, observed beside what it did. */
  readonly worker: string;
  /** Milliseconds on a clock that does not jump. */
  readonly now: () => number;
  /** A trajectory has ended. */
  readonly onEnded: (stream: string) => void;
}

/** The effects of a trajectory. */
export function rolloutEffects(parts: RolloutParts): Effects<Machine, RolloutCommand> {
  return {
    sampleTurn: { batch: (calls) => sampleTurns(parts, calls) },
    callTool: {
      batch: (calls) =>
        Promise.all(calls.map((call) => callTool(parts, call.params, call.context))),
    },
    announceEnd: {
      notice: async (_, { stream }) => parts.onEnded(stream),
    },
  };
}

async function sampleTurns(
  parts: RolloutParts,
  calls: readonly EffectCall<{ readonly turn: number }, Machine>[],
): Promise<readonly Result[]> {
  const [first] = calls;
  const sampling = first?.context.state.context.sampling;
  assert(sampling, "a turn is sampled with the settings of its trajectory");
  const fresh = calls.filter(({ params }) => keptTurn(parts.kept, params.turn) === null);
  const requests = fresh.map(({ params, context }) => {
    if (params.turn === parts.kept?.turn) requireKept(parts.kept, context.state.context);
    return turnRequest(parts, context.stream, params.turn, context.state.context);
  });
  const begunMs = parts.now();
  const turns = requests.length === 0 ? [] : await parts.batcher.sample(requests, sampling);
  const policy = parts.heldPolicy();
  const seen = { worker: parts.worker, waitMs: parts.now() - begunMs };
  return Promise.all(
    calls.map((call) => {
      const { params, context } = call;
      const { turn } = params;
      const kept = keptTurn(parts.kept, turn);
      const sampled = kept ?? turns[fresh.indexOf(call)];
      assert(sampled !== undefined, "one turn per request");
      const observed = kept === null ? { ...sampled.observed, ...seen } : { kept: true };
      const spoken = { ...sampled, policy: kept?.policy ?? policy, turn, observed };
      const task = parts.taskOf(context.stream);
      return turnResult(parts, task, spoken, context.state.context);
    }),
  );
}

function keptTurn(kept: Kept | null, turn: number): EventData<"turn.sampled"> | null {
  return kept?.turns[turn] ?? null;
}

/** What reads a turn and words what the environment says: pure but for images, read by name. */
export type RolloutWords = Pick<RolloutParts, "environment" | "encoder" | "limits">;

/** A sampled turn as the command that `decide` takes. */
export async function turnResult(
  { environment, encoder, limits }: RolloutWords,
  task: Task,
  sampled: SampledTurn & Pick<TurnCommand, "policy" | "turn" | "observed">,
  { calls, sampling = null, history = [] }: SpokenIn,
): Promise<Omit<TurnCommand, "id">> {
  const { ids, logProbs, entropy, finish, unscored, policy, turn, observed } = sampled;
  const text = encoder.decode(ids);
  const action = readAction(environment.parseAction, { text, finish }, sampling?.mode);
  const ends = action.kind === "answer" || action.kind === "malformed";
  let reply: EncodedText | null = null;
  if (!ends && !callsTool(action, calls, limits)) {
    const turns = [...history, { ids, answer: null }];
    const words = grown({ environment, encoder }, task, turns) ?? environment.reply(task, action);
    reply = await encodeReply(encoder, words, finish === "stop");
  }
  const spoken = { turn, policy, ids, text, logProbs, entropy, finish, reply };
  const program =
    action.kind === "code"
      ? environment.programFor?.(task, saidTurns(encoder, history), action.program)
      : undefined;
  const more = { ...(unscored && { unscored }), ...(program !== undefined && { program }) };
  return { type: "turn", ...spoken, ...more, observed };
}

type Said = Pick<PlayedTurn, "ids" | "answer">;

/** Turns as text. */
function saidTurns(encoder: Encoder, turns: readonly Said[]): readonly SaidTurn[] {
  return turns.map(({ ids, answer }) => ({ text: encoder.decode(ids), answer }));
}

/** The one message of an environment whose message grows; null where messages follow each other. */
function grown(
  { environment, encoder }: Pick<RolloutParts, "environment" | "encoder">,
  task: Task,
  turns: readonly Said[],
): EnvironmentText | null {
  if (environment.grow === undefined) return null;
  return { ...environment.grow(task, saidTurns(encoder, turns)), fresh: true };
}

/** What a turn is read by. */
type SpokenIn = Pick<TrajectoryContext, "calls"> &
  Partial<Pick<TrajectoryContext, "sampling" | "history">>;

/** The environment's words behind the context or, where they are fresh, in its place. */
async function encodeReply(
  encoder: Encoder,
  words: EnvironmentText,
  ended: boolean,
): Promise<EncodedText> {
  if (words.fresh) return { ...(await encoder.prompt(words)), fresh: true };
  return encoder.continuation(words, ended);
}

async function callTool(
  parts: RolloutParts,
  { turn, tool, input, image }: PendingCall,
  { stream, state, effectId, signal }: Context,
): Promise<Result> {
  const { tools = true, mode } = state.context.sampling ?? {};
  const { history, calls } = state.context;
  const answer =
    givenAnswer(parts.kept, { turn, tool, input, image }, calls) ??
    (await parts.callTool(effectId, { tool, input, image, tools }, signal));
  return toolResult(parts, parts.taskOf(stream), { turn, tool }, answer, { mode, history });
}

function givenAnswer(kept: Kept | null, call: PendingCall, number: number): ToolReply | null {
  const answer = keptAnswer(kept, call, number);
  if (answer === null) return null;
  const { cause, text, image } = answer;
  return { cause, text, image, observed: { kept: true } };
}

/** The turns with what was answered to the last one. */
function withAnswer(history: readonly PlayedTurn[], answer: ToolAnswer): readonly Said[] {
  const last = history.at(-1);
  assert(last !== undefined, "a tool answers a turn");
  return [...history.slice(0, -1), { ids: last.ids, answer }];
}

/** What a tool's answer is worded by. */
interface AnsweredIn {
  readonly mode?: Mode | undefined;
  readonly history: readonly PlayedTurn[];
}

/** A tool's answer as the command that `decide` takes. */
export async function toolResult(
  { environment, encoder }: Omit<RolloutWords, "limits">,
  task: Task,
  { turn, tool }: Pick<PendingCall, "turn" | "tool">,
  { cause, text, image, observed }: ToolReply,
  { mode, history }: AnsweredIn,
): Promise<Omit<ToolCommand, "id">> {
  const answer = { tool, cause, text, image };
  const words =
    mode === undefined
      ? (grown({ environment, encoder }, task, withAnswer(history, answer)) ??
        environment.report(task, answer))
      : environment.report(task, answer, mode);
  // A turn that called a tool was not cut off, so the model wrote its end token itself.
  const report = await encodeReply(encoder, words, true);
  return { type: "tool", turn, outcome: cause, text, image, report, observed };
}
