// The run: it walks its plan. Each planned item names the long effect that carries it out.
//
//   empty → preparing → playing / evaluating → … → completed
import { assign, setup } from "xstate";
import { policyLagMax } from "../../config/index.ts";
import type { EventData, HashName } from "../../events/index.ts";
import type { MachineEvent } from "../../runtime/index.ts";

export interface RunContext {
  readonly started: EventData<"run.started"> | null;
  /** The policy in force. */
  readonly policy: HashName | null;
  /** How many items of the plan have been planned. */
  readonly planned: number;
  /** The steps that were planned last, in order: all that may be in progress. */
  readonly steps: readonly EventData<"step.planned">[];
  readonly evaluation: EventData<"evaluation.planned"> | null;
}

type RunEvent = MachineEvent<
  "run.started" | "step.planned" | "evaluation.planned" | "run.completed"
>;

/** What an effect of the run is about: the place of its item in the plan. */
export interface ItemParams {
  /** -1: before the first item. */
  readonly item: number;
}

/** The step that is played, and those that wait to be learned. */
const stepsOpenMax = policyLagMax + 1;

const runSetup = setup({
  types: { context: {} as RunContext, events: {} as RunEvent },
  actions: {
    prepare: (_, _params: ItemParams) => {},
    playStep: (_, _params: ItemParams) => {},
    playEvaluation: (_, _params: ItemParams) => {},
    started: assign(({ event }) =>
      event.type === "run.started" ? { started: event.data, policy: event.data.policy } : {},
    ),
    planned: assign(({ context, event }) => {
      const planned = context.planned + 1;
      if (event.type === "step.planned") {
        const steps = [...context.steps, event.data].slice(-stepsOpenMax);
        return { planned, steps, evaluation: null, policy: event.data.policy };
      }
      return event.type === "evaluation.planned"
        ? { planned, evaluation: event.data, policy: event.data.policy }
        : {};
    }),
    completed: assign(({ event }) =>
      event.type === "run.completed" ? { policy: event.data.policy } : {},
    ),
  },
});

const thisItem = ({ context }: { context: RunContext }): ItemParams => ({
  item: context.planned - 1,
});

const next = {
  "step.planned": {
    target: "playing",
    actions: ["planned", { type: "playStep", params: thisItem }],
  },
  "evaluation.planned": {
    target: "evaluating",
    actions: ["planned", { type: "playEvaluation", params: thisItem }],
  },
  "run.completed": { target: "completed", actions: "completed" },
} as const;

export const runMachine = runSetup.createMachine({
  id: "run",
  context: { started: null, policy: null, planned: 0, steps: [], evaluation: null },
  initial: "empty",
  states: {
    empty: {
      on: {
        "run.started": {
          target: "preparing",
          actions: ["started", { type: "prepare", params: thisItem }],
        },
      },
    },
    preparing: { on: next },
    playing: { on: next },
    evaluating: { on: next },
    completed: { type: "final" },
  },
});
