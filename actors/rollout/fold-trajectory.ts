// A trajectory's state from its stream, for those who read it and do not play it.
import type { EventEnvelope } from "../../events/index.ts";
import { foldEvent, initialState } from "../../runtime/index.ts";
import { type TrajectoryContext, trajectoryMachine } from "./machine.ts";

/** The state that the events of a trajectory lead to. */
export function foldTrajectory(
  stream: string,
  events: readonly EventEnvelope[],
): TrajectoryContext {
  let state = initialState(trajectoryMachine, stream);
  for (const event of events) state = foldEvent(trajectoryMachine, state, event).state;
  return state.context;
}
