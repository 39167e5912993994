// A stream folded again: its events by the commands that made them, each with the state that the
// decider saw. An event that the machine does not accept, or whose data has another shape, ends the
// fold: what follows it has no state.
import type { AnyStateMachine, SnapshotFrom } from "xstate";
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  ensureError,
  parseEventData,
} from "../../events/index.ts";
import { foldEvent, initialState } from "../../runtime/index.ts";
import type { Findings } from "./findings.ts";

/** What a command added to a stream. */
export interface FoldedCommand<M extends AnyStateMachine> {
  /** In their order, data checked. */
  readonly events: readonly EventEnvelope[];
  /** The state before the first of them: what the decider saw. */
  readonly before: SnapshotFrom<M>;
}

export interface FoldedStream<M extends AnyStateMachine> {
  readonly commands: readonly FoldedCommand<M>[];
  readonly state: SnapshotFrom<M>;
  /** False where an event ended the fold. */
  readonly whole: boolean;
}

/** Folds the events of a stream, and notes in `findings` whether its machine takes every one. */
export function foldCommands<M extends AnyStateMachine>(
  machine: M,
  stream: string,
  events: readonly EventEnvelope[],
  findings: Findings,
): FoldedStream<M> {
  const commands: { events: EventEnvelope[]; before: SnapshotFrom<M> }[] = [];
  let state = initialState(machine, stream);
  let command = "";
  for (const recorded of events) {
    try {
      const data = parseEventData(recorded.type as EventType, recorded.data);
      const event = { ...recorded, data };
      const before = state;
      state = foldEvent(machine, state, event).state;
      if (event.command === command) commands.at(-1)?.events.push(event);
      else commands.push({ events: [event], before });
      command = event.command;
      findings.compare("folds", recorded, null);
    } catch (thrown) {
      findings.compare("folds", recorded, ensureError(thrown).message);
      return { commands, state, whole: false };
    }
  }
  return { commands, state, whole: true };
}

/** The data of an event that is known to be of type `T`; null where it is of another. */
export function dataOf<T extends EventType>(
  event: EventEnvelope | undefined,
  type: T,
): EventData<T> | null {
  return event?.type === type ? (event.data as EventData<T>) : null;
}
