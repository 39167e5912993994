// A trajectory's state from its stream, for those who read it and do not play it.
import type { EventEnvelope } from "../../events/index.ts";
import { foldStream } from "../../runtime/index.ts";
import { type TrajectoryContext, trajectoryMachine } from "./machine.ts";

/** The state that the events of a trajectory lead to. */
export function foldTrajectory(
  stream: string,
  events: readonly EventEnvelope[],
): TrajectoryContext {
  return foldStream(trajectoryMachine, stream, events).context;
}
