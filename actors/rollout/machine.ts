// The life of one trajectory: sampled turns, the tools they call, and the end with its cause.
//
//   empty → sampling → acting → sampling …       the environment answers at once (a tip)
//         → acting → calling → acting → sampling      one search comes before the first turn (RAG)
//                    → acting → calling → acting → sampling …      a tool answers
//                    → acting → ended
//
// 1. The context is the training sample: segments in the order in which the policy saw them, those
//    that the model sampled with their log-probs, those of the environment without.
// 2. `acting` is never left pending: every append that enters it leaves it.
import { assign, setup } from "xstate";
import type { EventData, HashName, Sampling } from "../../events/index.ts";
import type { MachineEvent } from "../../runtime/index.ts";
import type { ToolAnswer } from "./ports.ts";

/** A run of token ids in the context. `logProbs` is null where the environment wrote them. */
export interface Segment {
  readonly ids: Int32Array;
  /** The sampler's log-prob of each id, nats; null: carries no loss. */
  readonly logProbs: Float32Array | null;
}

/** A tool call without its answer. */
export type PendingCall = Omit<EventData<"tool.called">, "observed">;

/** A turn as it was said, and what came of it. */
export interface PlayedTurn {
  readonly ids: Int32Array;
  readonly finish: "stop" | "length";
  readonly call: PendingCall | null;
  readonly answer: ToolAnswer | null;
}

/** What a trajectory's events say. */
export interface TrajectoryContext {
  readonly policy: HashName | null;
  readonly task: string;
  readonly sampling: Sampling | null;
  readonly segments: readonly Segment[];
  /** Images in the order of their placeholders; the last one is what a tool works on. */
  readonly images: readonly HashName[];
  /** Tokens in all segments. */
  readonly length: number;
  /** The number of sampled turns; the next turn has this number. */
  readonly turns: number;
  /** The number of tool calls that were answered. */
  readonly calls: number;
  readonly pending: PendingCall | null;
  /** Every turn so far, also those that the context no longer holds. */
  readonly history: readonly PlayedTurn[];
  readonly end: { readonly cause: string; readonly answer: string | null } | null;
}

type TrajectoryEvent = MachineEvent<
  | "trajectory.started"
  | "turn.sampled"
  | "tool.called"
  | "tool.returned"
  | "turn.prompted"
  | "trajectory.ended"
>;

const empty: TrajectoryContext = {
  policy: null,
  task: "",
  sampling: null,
  segments: [],
  images: [],
  length: 0,
  turns: 0,
  calls: 0,
  pending: null,
  history: [],
  end: null,
};

function extended(context: TrajectoryContext, segment: Segment): Partial<TrajectoryContext> {
  return {
    segments: [...context.segments, segment],
    length: context.length + segment.ids.length,
  };
}

/** What the environment says goes behind the context, or takes its place. */
function prompted(
  context: TrajectoryContext,
  { ids, images, fresh }: EventData<"turn.prompted">,
): Partial<TrajectoryContext> {
  const segment = { ids, logProbs: null };
  if (fresh) return { images, segments: [segment], length: ids.length };
  return { images: [...context.images, ...images], ...extended(context, segment) };
}

export const trajectoryMachine = setup({
  types: { context: {} as TrajectoryContext, events: {} as TrajectoryEvent },
  actions: {
    sampleTurn: (_, _params: { readonly turn: number }) => {},
    callTool: (_, _params: PendingCall) => {},
    announceEnd: (_, _params: { readonly cause: string }) => {},
    begin: assign(({ context, event }) => {
      if (event.type !== "trajectory.started") return {};
      const { policy, task, sampling, images, ids } = event.data;
      return { policy, task, sampling, images, ...extended(context, { ids, logProbs: null }) };
    }),
  },
}).createMachine({
  id: "trajectory",
  context: empty,
  initial: "empty",
  states: {
    empty: {
      on: {
        "trajectory.started": [
          {
            // What is to be known before the first turn is asked for first.
            guard: ({ event: { data } }) => data.sampling.mode === "rag",
            target: "acting",
            actions: "begin",
          },
          {
            target: "sampling",
            actions: ["begin", { type: "sampleTurn", params: { turn: 0 } }],
          },
        ],
      },
    },
    sampling: {
      on: {
        "turn.sampled": {
          target: "acting",
          guard: ({ context, event }) => event.data.turn === context.turns,
          actions: assign(({ context, event: { data } }) => ({
            turns: context.turns + 1,
            history: [...context.history, saidTurn(data)],
            ...extended(context, { ids: data.ids, logProbs: data.logProbs }),
          })),
        },
      },
    },
    acting: {
      on: {
        "tool.called": {
          target: "calling",
          actions: [
            assign(({ context, event: { data } }) => ({
              pending: pendingOf(data),
              history: amended(context, { call: pendingOf(data) }),
            })),
            { type: "callTool", params: ({ event: { data } }) => pendingOf(data) },
          ],
        },
        "turn.prompted": {
          target: "sampling",
          actions: [
            assign(({ context, event: { data } }) => prompted(context, data)),
            { type: "sampleTurn", params: ({ context }) => ({ turn: context.turns }) },
          ],
        },
        "trajectory.ended": {
          target: "ended",
          actions: [
            assign(({ event: { data } }) => ({ end: { cause: data.cause, answer: data.answer } })),
            { type: "announceEnd", params: ({ event: { data } }) => ({ cause: data.cause }) },
          ],
        },
      },
    },
    calling: {
      on: {
        "tool.returned": {
          target: "acting",
          guard: ({ context, event }) => event.data.turn === context.pending?.turn,
          actions: assign(({ context, event: { data } }) => ({
            pending: null,
            calls: context.calls + 1,
            history: amended(context, { answer: answerOf(data) }),
          })),
        },
      },
    },
    ended: { type: "final" },
  },
});

const saidTurn = ({ ids, finish }: EventData<"turn.sampled">): PlayedTurn => {
  return { ids, finish, call: null, answer: null };
};

/** The history with more of its last turn known; a search before the first turn is no turn's. */
function amended({ history }: TrajectoryContext, more: Partial<PlayedTurn>): readonly PlayedTurn[] {
  const last = history.at(-1);
  return last === undefined ? history : [...history.slice(0, -1), { ...last, ...more }];
}

function answerOf({ tool, cause, text, image }: EventData<"tool.returned">): ToolAnswer {
  return { tool, cause, text, image };
}

function pendingOf({ turn, tool, input, image }: EventData<"tool.called">): PendingCall {
  return { turn, tool, input, image };
}
