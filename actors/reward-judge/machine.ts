// The judge of a run: one reward per trajectory, in the order of the plan.
//
// 1. A stream of rewards is long, its state is not: only the names of the latest batch are kept. An
//    older command is known to the ledger by its id.
import { assign, setup } from "xstate";
import { parseTrajectory } from "../../events/index.ts";
import type { MachineEvent } from "../../runtime/index.ts";

export interface JudgeContext {
  /** The step or evaluation that was judged last. */
  readonly step: string;
  /** Its judged trajectories. */
  readonly judged: readonly string[];
}

export const judgeMachine = setup({
  types: { context: {} as JudgeContext, events: {} as MachineEvent<"reward.assigned"> },
}).createMachine({
  id: "judge",
  context: { step: "", judged: [] },
  initial: "judging",
  states: {
    judging: {
      on: {
        "reward.assigned": {
          actions: assign(({ context, event: { data } }) => {
            const step = stepOf(data.trajectory);
            const judged = step === context.step ? context.judged : [];
            return { step, judged: [...judged, data.trajectory] };
          }),
        },
      },
    },
  },
});

/** The step or evaluation that a trajectory belongs to. */
export function stepOf(trajectory: string): string {
  return String(parseTrajectory(trajectory)?.step ?? "");
}
