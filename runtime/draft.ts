// What a decision adds to a stream, checked against the machine before the ledger sees it: an event
// that the machine does not take would be recorded, and then ignored in silence by every fold.
import type { AnyMachineSnapshot, AnyStateMachine, SnapshotFrom } from "xstate";
import { assert, type EventEnvelope, eventId, type NewEvent } from "../events/index.ts";
import type { ActorCommand, ActorCore } from "./actor.ts";
import { accepts, foldEvent } from "./fold.ts";
import type { HostPart } from "./host-ledger.ts";

interface Writer {
  readonly by: string;
  readonly epoch: number;
}

interface Place<M extends AnyStateMachine> {
  readonly stream: string;
  readonly seq: number;
  readonly state: SnapshotFrom<M>;
}

/** The part of one command, each event checked against the state that the ones before lead to. */
export function draftPart<M extends AnyStateMachine, C extends ActorCommand>(
  actor: ActorCore<M, C>,
  { by, epoch }: Writer,
  { stream, seq, state: start }: Place<M>,
  command: C,
  decided: readonly NewEvent[],
): HostPart {
  assert(decided.length > 0, `${actor.type}: decide gave no events for ${command.type}`);
  let state = start;
  const events: NewEvent[] = [];
  for (const [index, event] of decided.entries()) {
    const complete = { ...event, cause: event.cause ?? command.cause ?? null };
    const envelope: EventEnvelope = {
      id: eventId(stream, command.id, index),
      stream,
      seq: seq + 1 + index,
      type: event.type,
      v: event.v,
      time: 0,
      cause: complete.cause,
      command: command.id,
      trace: command.trace ?? null,
      epoch,
      by,
      data: event.data,
    };
    const { value } = state as AnyMachineSnapshot;
    assert(
      accepts(actor.machine, state, envelope),
      `${actor.type}: ${command.type} decided ${event.type}, which the machine does not accept in ` +
        `state ${JSON.stringify(value)} (${stream})`,
    );
    if (index + 1 < decided.length) state = foldEvent(actor.machine, state, envelope).state;
    events.push(complete);
  }
  return { stream, expected: seq, epoch, command: command.id, events };
}
