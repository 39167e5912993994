// What an actor is: a pure machine, a pure `decide`, and the effects, the only impure part.
//
// 1. The machine holds nothing that must survive outside the ledger: no `after`, `invoke` or
//    spawned children, whose timers and runs are lost or repeated on restore (I2). `defineActor`
//    refuses them.
// 2. Every event that a state takes is declared by its full type. A wildcard would accept what
//    nobody thought of, so it is refused too.
// 3. Every action is a built-in (`assign`, `raise`) or the name of an effect with a handler.
import type { AnyStateMachine, SnapshotFrom, StateMachine } from "xstate";
import { assert, type EventEnvelope, type HashName, type NewEvent } from "../events/index.ts";

/** What is asked of an actor instance. Its `id` is the command id of the append that answers it. */
export interface ActorCommand {
  readonly id: string;
  readonly type: string;
  /** The event that led to this command; it becomes the cause of the events. */
  readonly cause?: string | null;
  /** W3C traceparent. */
  readonly trace?: string | null;
}

/**
 * `decide`'s answer: facts to record (at least one, with the blobs that they name), nothing new to
 * do, or why the command is refused.
 */
export type Decision =
  | { readonly events: readonly NewEvent[]; readonly blobs?: readonly HashName[] }
  | { readonly duplicate: true }
  | { readonly rejection: string };

/** The result of an effect: a command without its id, which is the effect's id. */
export type EffectResult<C extends ActorCommand> = C extends ActorCommand ? Omit<C, "id"> : never;

/** What an effect's handler may know and use. */
export interface EffectContext<M extends AnyStateMachine = AnyStateMachine> {
  /** The same over retries and restarts: pass it on as the idempotence key of what you call. */
  readonly effectId: string;
  readonly stream: string;
  /** The event that asked for the effect. */
  readonly request: EventEnvelope;
  /** The state in which it was asked for or, after a restart, the state folded from the stream. */
  readonly state: SnapshotFrom<M>;
  /** Aborted when the host closes or the instance is parked. */
  readonly signal: AbortSignal;
  /** From 1. */
  readonly attempt: number;
}

/** One request of a batched effect. */
export interface EffectCall<P, M extends AnyStateMachine> {
  readonly params: P;
  readonly context: EffectContext<M>;
}

/**
 * How an effect is carried out.
 *
 * - A function: one call, whose result goes through `decide`. Null: no result (it is asked for
 *   again after a restart).
 * - `batch`: all requests of this name that one append (or one restart) made, in the order of the
 *   append's parts. One result per call; the results are recorded by one atomic append.
 * - `notice`: has no result and is not repeated after a restart; for hints to those who keep a
 *   cursor.
 */
export type EffectHandler<P, M extends AnyStateMachine, C extends ActorCommand> =
  | ((params: P, context: EffectContext<M>) => Promise<EffectResult<C> | null>)
  | {
      readonly batch: (
        calls: readonly EffectCall<P, M>[],
      ) => Promise<readonly (EffectResult<C> | null)[]>;
    }
  | { readonly notice: (params: P, context: EffectContext<M>) => Promise<void> };

/** The actions of a machine, `{ type, params }`. */
type ActionOf<M> =
  M extends StateMachine<
    infer _Context,
    infer _Event,
    infer _Children,
    infer _Actor,
    infer Action,
    infer _Guard,
    infer _Delay,
    infer _StateValue,
    infer _Tag,
    infer _Input,
    infer _Output,
    infer _Emitted,
    infer _Meta,
    infer _StateSchema,
    infer _TransitionMeta
  >
    ? Action
    : never;

/** A handler for each action of the machine that is an effect. */
export type Effects<M extends AnyStateMachine, C extends ActorCommand> = {
  readonly [Name in ActionOf<M>["type"]]?: EffectHandler<
    Extract<ActionOf<M>, { type: Name }>["params"],
    M,
    C
  >;
};

/** The pure part of an actor: enough to fold its streams and to repeat its decisions. */
export interface ActorCore<M extends AnyStateMachine, C extends ActorCommand> {
  /** The actor's name: `rollout`. */
  readonly type: string;
  readonly machine: M;
  /** Pure: validation and idempotence. */
  readonly decide: (command: C, state: SnapshotFrom<M>) => Decision;
}

/** An actor. */
export interface ActorDefinition<M extends AnyStateMachine, C extends ActorCommand>
  extends ActorCore<M, C> {
  readonly effects: Effects<M, C>;
}

/**
 * Checks and returns an actor. Its machine takes events of the shape `MachineEvent`, gets
 * `MachineInput`, and names its effects as actions with `params`.
 */
export function defineActor<M extends AnyStateMachine, C extends ActorCommand>(
  definition: ActorDefinition<M, C>,
): ActorDefinition<M, C> {
  for (const flaw of flawsOf(definition.machine, Object.keys(definition.effects))) {
    assert(false, `actor ${definition.type}: ${flaw}`);
  }
  return definition;
}

const builtinActions: ReadonlySet<string> = new Set([
  "xstate.assign",
  "xstate.raise",
  "xstate.enqueueActions",
]);

function flawsOf(machine: AnyStateMachine, effects: readonly string[]): string[] {
  const flaws: string[] = [];
  const nodes = [machine.root];
  for (const node of nodes) {
    nodes.push(...Object.values(node.states));
    const place = `state ${node.id}`;
    if (node.invoke.length > 0) flaws.push(`${place} uses invoke; make it an effect`);
    if (node.after.length > 0) flaws.push(`${place} uses after; make the deadline an event`);
    for (const [type, transitions] of node.transitions) {
      if (type.includes("*")) flaws.push(`${place} takes ${type}; name each event`);
      for (const action of transitions.flatMap((transition) => transition.actions)) {
        flaws.push(...actionFlaw(machine, effects, place, action));
      }
    }
    for (const action of [...node.entry, ...node.exit]) {
      flaws.push(...actionFlaw(machine, effects, place, action));
    }
  }
  return flaws;
}

function actionFlaw(
  machine: AnyStateMachine,
  effects: readonly string[],
  place: string,
  action: unknown,
): string[] {
  const name = typeof action === "string" ? action : typeOf(action);
  const implemented = machine.implementations.actions[name];
  const type = implemented === undefined ? name : typeOf(implemented);
  if (builtinActions.has(name) || builtinActions.has(type)) return [];
  if (effects.includes(name)) return [];
  return [`${place} names the action ${name || "(inline)"}, which has no effect handler`];
}

function typeOf(action: unknown): string {
  const { type } = action as { readonly type?: unknown };
  return typeof type === "string" ? type : "";
}
