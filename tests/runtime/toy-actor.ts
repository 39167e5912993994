// A toy actor: a counter that is asked to add a number, fetches how much it is worth (an effect),
// and ends after `counter.closed`. Small enough to see through, and it has every kind of effect.
import { assign, setup } from "xstate";
import type { EventEnvelope, NewEvent } from "../../events/index.ts";
import {
  type ActorCommand,
  type Decision,
  defineActor,
  type EffectCall,
  type EffectContext,
} from "../../runtime/index.ts";

type ToyEvent =
  | { type: "counter.asked"; data: { amount: number }; envelope: EventEnvelope }
  | { type: "counter.added"; data: { amount: number }; envelope: EventEnvelope }
  | { type: "counter.closed"; data: null; envelope: EventEnvelope };

export type ToyCommand =
  | (ActorCommand & { readonly type: "ask"; readonly amount: number })
  | (ActorCommand & { readonly type: "add"; readonly amount: number })
  | (ActorCommand & { readonly type: "close" });

export const toyMachine = setup({
  types: {
    context: {} as { total: number; stream: string },
    events: {} as ToyEvent,
    input: {} as { stream: string },
  },
  actions: {
    remember: assign({
      total: ({ context, event }) =>
        context.total + (event.type === "counter.added" ? event.data.amount : 0),
    }),
    fetch: (_, _params: { amount: number }) => {},
    appraise: (_, _params: { amount: number }) => {},
    announce: (_, _params: { total: number }) => {},
  },
}).createMachine({
  id: "toy",
  context: ({ input }) => ({ total: 0, stream: input.stream }),
  initial: "open",
  states: {
    open: {
      on: {
        "counter.asked": [
          {
            guard: ({ event }) => event.data.amount < 100,
            actions: { type: "fetch", params: ({ event }) => ({ amount: event.data.amount }) },
          },
          { actions: { type: "appraise", params: ({ event }) => ({ amount: event.data.amount }) } },
        ],
        "counter.added": {
          actions: [
            "remember",
            { type: "announce", params: ({ context }) => ({ total: context.total }) },
          ],
        },
        "counter.closed": "closed",
      },
    },
    closed: { type: "final" },
  },
});

type Add = { readonly type: "add"; readonly amount: number };
type Context = EffectContext<typeof toyMachine>;

/** What the toy's effects do. */
export interface ToyEffects {
  readonly fetch: (amount: number, context: Context) => Promise<Add | null>;
  readonly appraise: (
    calls: readonly EffectCall<{ amount: number }, typeof toyMachine>[],
  ) => Promise<readonly (Add | null)[]>;
  readonly announce: (total: number, context: Context) => Promise<void>;
}

/** For ledgers of toys: their events are not in the vocabulary, and are read as they are stored. */
export const readEvent = (event: EventEnvelope): EventEnvelope => event;

const toyEvent = (type: string, data: unknown): NewEvent => ({ type, v: 1, data });

export function toyActor(effects: Partial<ToyEffects> = {}) {
  return defineActor<typeof toyMachine, ToyCommand>({
    type: "toy",
    machine: toyMachine,
    decide(command, state): Decision {
      switch (command.type) {
        case "ask":
          if (state.status === "done") return { rejection: "the counter is closed" };
          return { events: [toyEvent("counter.asked", { amount: command.amount })] };
        case "add":
          if (state.status === "done") return { rejection: "the counter is closed" };
          if (command.amount === 0) return { duplicate: true };
          return { events: [toyEvent("counter.added", { amount: command.amount })] };
        case "close": {
          const closed = toyEvent("counter.closed", null);
          return { events: [toyEvent("counter.added", { amount: 0 }), closed] };
        }
      }
    },
    effects: {
      fetch: async ({ amount }, context) =>
        effects.fetch === undefined ? { type: "add", amount } : effects.fetch(amount, context),
      appraise: {
        batch: async (calls) =>
          effects.appraise === undefined
            ? calls.map(({ params }) => ({ type: "add", amount: params.amount }))
            : effects.appraise(calls),
      },
      announce: {
        notice: async ({ total }, context) => effects.announce?.(total, context),
      },
    },
  });
}
