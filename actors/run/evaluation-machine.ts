// One evaluation: what is to be played, and what came out.
import { assign, setup } from "xstate";
import type { EventData } from "../../events/index.ts";
import type { MachineEvent } from "../../runtime/index.ts";

export interface EvaluationContext {
  readonly started: EventData<"evaluation.started"> | null;
  readonly completed: EventData<"evaluation.completed"> | null;
}

export const evaluationMachine = setup({
  types: {
    context: {} as EvaluationContext,
    events: {} as MachineEvent<"evaluation.started" | "evaluation.completed">,
  },
}).createMachine({
  id: "evaluation",
  context: { started: null, completed: null },
  initial: "empty",
  states: {
    empty: {
      on: {
        "evaluation.started": {
          target: "playing",
          actions: assign(({ event }) => ({ started: event.data })),
        },
      },
    },
    playing: {
      on: {
        "evaluation.completed": {
          target: "completed",
          actions: assign(({ event }) => ({ completed: event.data })),
        },
      },
    },
    completed: { type: "final" },
  },
});
