// The fold: ledger events into the state of one actor instance, and the effects that they ask for.
//
// 1. Pure (I2): no clock, no randomness, no I/O. Equal events give equal states and equal requests.
// 2. XState ignores an event that no transition takes. Here such an event is an assertion: what the
//    ledger holds and what the machine accepts must never drift apart (`accepts` asks beforehand).
// 3. An effect belongs to the event that asked for it: its id is `effectCommandId(event, name)`, so
//    one event may ask for an effect of one name once. Entering the initial state asks for nothing,
//    because there is no event that could name the effect.
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, SnapshotFrom } from "xstate";
import { createActor, initialTransition } from "xstate";
import {
  AssertionError,
  assert,
  type EventData,
  type EventEnvelope,
  type EventType,
  effectCommandId,
} from "../events/index.ts";

/** A ledger event as the machines see it. `MachineEvent` is the union over the vocabulary. */
export type MachineEvent<T extends EventType = EventType> = {
  [K in T]: {
    readonly type: K;
    readonly data: EventData<K>;
    readonly envelope: EventEnvelope<EventData<K>>;
  };
}[T];

/** What a machine gets as its input: the stream that it is folded from. */
export interface MachineInput {
  readonly stream: string;
}

/** An effect that an event asked for. */
export interface EffectRequest {
  /** The command id under which the result comes back. */
  readonly effectId: string;
  /** The name of the machine's action. */
  readonly name: string;
  readonly params: unknown;
  /** The event that asked for it. */
  readonly request: EventEnvelope;
}

/** A state after an event, and what that event asked for. */
export interface FoldStep<M extends AnyStateMachine> {
  readonly state: SnapshotFrom<M>;
  readonly requests: readonly EffectRequest[];
}

interface Action {
  readonly type: string;
  readonly params: unknown;
}

// XState's `transition` builds a whole actor system per call (0.1 ms). The machine itself needs
// only something to hand its actions to, so one inert scope per machine serves all its instances.
class InertScope {
  readonly scope: AnyActorScope;
  #actions: Action[] = [];

  constructor(machine: AnyStateMachine) {
    const self = createActor(machine);
    this.scope = {
      self,
      system: self.system,
      id: "",
      sessionId: "",
      logger: () => {},
      defer: () => {},
      emit: () => {},
      stopChild: () => {},
      actionExecutor: (action) => this.#actions.push({ type: action.type, params: action.params }),
    };
  }

  take(): readonly Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }
}

const scopes = new WeakMap<AnyStateMachine, InertScope>();

function scopeOf(machine: AnyStateMachine): InertScope {
  const known = scopes.get(machine);
  if (known !== undefined) return known;
  const made = new InertScope(machine);
  scopes.set(machine, made);
  return made;
}

/** The state before the first event. */
export function initialState<M extends AnyStateMachine>(
  machine: M,
  stream: string,
): SnapshotFrom<M> {
  const input: MachineInput = { stream };
  const [state, actions] = initialTransition<AnyStateMachine>(machine, input);
  assertHealthy(machine, state, "its initial state");
  assert(
    actions.every((action) => action.type.startsWith("xstate.")),
    `machine ${machine.id}: the initial state asks for an effect; no event could name it`,
  );
  return state as SnapshotFrom<M>;
}

/** Whether `machine` takes an event of this type and data in `state`, guards included. */
export function accepts(
  machine: AnyStateMachine,
  state: AnyMachineSnapshot,
  envelope: EventEnvelope,
): boolean {
  if (state.status !== "active") return false;
  return machine.getTransitionData(state, flatten(envelope)).length > 0;
}

/**
 * The state after `envelope`, and the effects that it asks for, in the machine's order.
 * Asserts that the machine accepts the event.
 */
export function foldEvent<M extends AnyStateMachine>(
  machine: M,
  state: SnapshotFrom<M>,
  envelope: EventEnvelope,
): FoldStep<M> {
  const before = state as AnyMachineSnapshot;
  assert(
    accepts(machine, before, envelope),
    `machine ${machine.id} does not accept ${envelope.type} (${envelope.stream} #${envelope.seq}) ` +
      `in state ${JSON.stringify(before.value)}`,
  );
  const scope = scopeOf(machine);
  scope.take();
  const after = machine.transition(before, flatten(envelope), scope.scope);
  assertHealthy(machine, after, `${envelope.type} (${envelope.stream} #${envelope.seq})`);
  return { state: after as SnapshotFrom<M>, requests: requestsOf(scope.take(), envelope) };
}

/** The state that the events of a whole stream lead to, for those who read it. */
export function foldStream<M extends AnyStateMachine>(
  machine: M,
  stream: string,
  events: readonly EventEnvelope[],
): SnapshotFrom<M> {
  let state = initialState(machine, stream);
  for (const event of events) state = foldEvent(machine, state, event).state;
  return state;
}

function flatten(envelope: EventEnvelope): { type: string; data: unknown; envelope: unknown } {
  return { type: envelope.type, data: envelope.data, envelope };
}

function requestsOf(actions: readonly Action[], request: EventEnvelope): EffectRequest[] {
  const requests: EffectRequest[] = [];
  for (const { type: name, params } of actions) {
    if (name.startsWith("xstate.")) continue; // assign and raise: done within the transition
    const effectId = effectCommandId(request.id, name);
    assert(
      requests.every((other) => other.effectId !== effectId),
      `event ${request.type} asks for the effect ${name} twice; give them two names`,
    );
    requests.push({ effectId, name, params, request });
  }
  return requests;
}

function assertHealthy(machine: AnyStateMachine, state: AnyMachineSnapshot, place: string): void {
  if (state.status !== "error") return;
  const flaw = new AssertionError(`machine ${machine.id} failed on ${place}`);
  throw Object.assign(flaw, { cause: state.error });
}
