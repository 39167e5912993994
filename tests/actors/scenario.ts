// Given events / when command / then events, over any actor's machine and decide.

import * as assert from "uvu/assert";
import type { AnyStateMachine, SnapshotFrom } from "xstate";
import { type EventEnvelope, eventId, type NewEvent } from "../../events/index.ts";
import {
  type ActorCommand,
  accepts,
  type Decision,
  type EffectRequest,
  type EffectResult,
  foldEvent,
  initialState,
} from "../../runtime/index.ts";

type Decide<M extends AnyStateMachine, C extends ActorCommand> = (
  command: C,
  state: SnapshotFrom<M>,
) => Decision;

/** One instance of an actor, without a ledger: what was decided is folded at once. */
export class Scenario<M extends AnyStateMachine, C extends ActorCommand> {
  readonly #machine: M;
  readonly #decide: Decide<M, C>;
  readonly #stream: string;
  readonly events: EventEnvelope[] = [];
  state: SnapshotFrom<M>;
  /** What the last command's events asked for. */
  requests: EffectRequest[] = [];

  constructor(machine: M, decide: Decide<M, C>, stream: string) {
    this.#machine = machine;
    this.#decide = decide;
    this.#stream = stream;
    this.state = initialState(machine, stream);
  }

  /** Decides, and folds what was decided. */
  when(command: EffectResult<C>): Decision {
    const id = `command-${this.events.length}`;
    const decision = this.#decide({ ...command, id } as unknown as C, this.state);
    if ("events" in decision) this.given(id, decision.events);
    return decision;
  }

  /** Folds events as they would come back from the ledger. */
  given(command: string, events: readonly NewEvent[]): void {
    this.requests = [];
    for (const [index, event] of events.entries()) {
      const envelope: EventEnvelope = {
        id: eventId(this.#stream, command, index),
        stream: this.#stream,
        seq: this.events.length + 1,
        type: event.type,
        v: event.v,
        time: 0,
        cause: null,
        command,
        trace: null,
        epoch: 1,
        by: "test",
        data: event.data,
      };
      assert.ok(accepts(this.#machine, this.state, envelope), `${event.type} is not accepted`);
      const step = foldEvent(this.#machine, this.state, envelope);
      this.state = step.state;
      this.requests.push(...step.requests);
      this.events.push(envelope);
    }
  }

  /** The data of the last event. */
  get last(): Readonly<Record<string, unknown>> {
    return this.events.at(-1)?.data as Readonly<Record<string, unknown>>;
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

/** The types of the decided events; fails where there are none. */
export function typesOf(decision: Decision): string[] {
  assert.ok("events" in decision, JSON.stringify(decision));
  return decision.events.map(({ type }) => type);
}

/** Why a command was refused; fails where it was not. */
export function rejectionOf(decision: Decision): string {
  assert.ok("rejection" in decision, JSON.stringify(decision));
  return decision.rejection;
}

export function isDuplicate(decision: Decision): boolean {
  return "duplicate" in decision;
}
