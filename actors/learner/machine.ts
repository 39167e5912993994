// The learner: batch after batch, each followed by its gradients and the next policy.
//
//   idle → learning → idle → …
//
// 1. `trail` is what re-derives the optimizer after a restart: every gradient since the last state
//    that was stored in full. It grows by the minibatches of a step and is cut at each stored
//    state.
// 2. The first batch is of whichever step the run goes on from: a fork has its parent's behind it.
import { assign, setup } from "xstate";
import { assert, type EventData, type HashName } from "../../events/index.ts";
import type { MachineEvent } from "../../runtime/index.ts";

/** A gradient that was applied. */
export interface AppliedGradient {
  readonly step: number;
  readonly gradient: HashName;
  readonly stored: boolean;
  readonly learningRate: number;
}

/** A policy and its optimizer, before the gradients of the trail. */
export interface TrailStart {
  readonly policy: HashName;
  readonly optimizer: HashName;
}

export interface LearnerContext {
  /** Null before the first batch. */
  readonly policy: HashName | null;
  readonly optimizer: HashName | null;
  /** The last step that ended; 0 before the first that the run learns. */
  readonly step: number;
  readonly batch: EventData<"batch.assembled"> | null;
  readonly start: TrailStart | null;
  readonly trail: readonly AppliedGradient[];
  /** The optimizer's hash after each step of the trail. */
  readonly checks: readonly { readonly step: number; readonly optimizer: HashName }[];
}

type LearnerEvent = MachineEvent<"batch.assembled" | "gradient.computed" | "policy.updated">;

export const learnerMachine = setup({
  types: { context: {} as LearnerContext, events: {} as LearnerEvent },
  actions: { learn: (_, _params: { readonly step: number }) => {} },
}).createMachine({
  id: "learner",
  context: {
    policy: null,
    optimizer: null,
    step: 0,
    batch: null,
    start: null,
    trail: [],
    checks: [],
  },
  initial: "idle",
  states: {
    idle: {
      on: {
        "batch.assembled": {
          target: "learning",
          guard: ({ context, event: { data } }) =>
            context.policy === null || data.step === context.step + 1,
          actions: [
            assign(({ context, event: { data } }) => ({
              batch: data,
              policy: data.policy,
              optimizer: data.optimizer,
              start: context.start ?? { policy: data.policy, optimizer: data.optimizer },
            })),
            { type: "learn", params: ({ event }) => ({ step: event.data.step }) },
          ],
        },
      },
    },
    learning: {
      on: {
        "gradient.computed": {
          actions: assign(({ context, event: { data } }) => ({
            trail: [...context.trail, appliedGradient(data)],
          })),
        },
        "policy.updated": {
          target: "idle",
          guard: ({ context, event }) => event.data.step === context.batch?.step,
          actions: assign(({ context, event: { data } }) => updated(context, data)),
        },
      },
    },
  },
});

function appliedGradient(data: EventData<"gradient.computed">): AppliedGradient {
  const { step, gradient, stored, learningRate } = data;
  return { step, gradient, stored, learningRate };
}

function updated(
  context: LearnerContext,
  data: EventData<"policy.updated">,
): Partial<LearnerContext> {
  assert(data.policyBefore === context.policy, "a policy is updated from the one before it");
  const next = {
    policy: data.policyAfter,
    optimizer: data.optimizerAfter,
    step: data.step,
    batch: null,
  };
  if (data.optimizerStored) {
    const start = { policy: data.policyAfter, optimizer: data.optimizerAfter };
    return { ...next, start, trail: [], checks: [] };
  }
  const check = { step: data.step, optimizer: data.optimizerAfter };
  return { ...next, checks: [...context.checks, check] };
}
