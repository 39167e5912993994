// What `defineActor` refuses, and the fold.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AnyStateMachine, createMachine, initialTransition, transition } from "xstate";
import {
  AssertionError,
  type EventEnvelope,
  effectCommandId,
  eventId,
} from "../../events/index.ts";
import { accepts, defineActor, foldEvent, initialState } from "../../runtime/index.ts";
import { toyMachine } from "./toy-actor.ts";

const test = suite("actor and fold");

test("a machine with timers, invocations, wildcards or unknown effects is refused", () => {
  const define = (machine: AnyStateMachine) => () =>
    defineActor({
      type: "bad",
      machine,
      decide: () => ({ duplicate: true }),
      effects: {},
    });
  assert.throws(
    define(createMachine({ initial: "a", states: { a: { after: { 10: "b" } }, b: {} } })),
    /uses after/,
  );
  assert.throws(define(createMachine({ invoke: { src: "thing" } })), /uses invoke/);
  assert.throws(define(createMachine({ on: { "*": {} } })), /name each event/);
  assert.throws(define(createMachine({ on: { "turn.*": {} } })), /name each event/);
  assert.throws(define(createMachine({ on: { go: { actions: "shout" } } })), /no effect handler/);
  assert.throws(define(createMachine({ on: { go: { actions: () => {} } } })), /no effect handler/);
});

const envelopeOf = (seq: number, type: string, data: unknown): EventEnvelope => ({
  id: eventId("s", "c", seq),
  stream: "s",
  seq,
  type,
  v: 1,
  time: 0,
  cause: null,
  command: `c${seq}`,
  trace: null,
  epoch: 0,
  by: "test",
  data,
});

test("the fold gives what XState's own transition gives, and names the effects", () => {
  const amount = fc.integer({ min: 0, max: 200 });
  const kind = fc.constantFrom("counter.asked", "counter.added");
  const property = fc.property(fc.array(fc.tuple(kind, amount)), (drafts) => {
    let folded = initialState(toyMachine, "s");
    let [reference] = initialTransition(toyMachine, { stream: "s" });
    for (const [index, [type, number]] of drafts.entries()) {
      const envelope = envelopeOf(index + 1, type, { amount: number });
      const event = { type, data: { amount: number }, envelope };
      const [next, actions] = transition(toyMachine, reference, event as never);
      const step = foldEvent(toyMachine, folded, envelope);
      assert.equal(step.state.context, next.context);
      assert.equal(step.state.value, next.value);
      assert.equal(
        step.requests.map(({ name, params }) => [name, params]),
        actions.map((action) => [action.type, action.params]),
      );
      for (const { name, effectId } of step.requests) {
        assert.is(effectId, effectCommandId(envelope.id, name));
      }
      folded = step.state;
      reference = next;
    }
  });
  fc.assert(property, { seed: 1, numRuns: 50 });
});

test("an event that no transition takes is a broken promise, also in a final state", () => {
  const start = initialState(toyMachine, "s");
  assert.is(accepts(toyMachine, start, envelopeOf(1, "counter.unknown", null)), false);
  const fold = (type: string) => () => foldEvent(toyMachine, start, envelopeOf(1, type, null));
  assert.throws(fold("counter.unknown"), (error: Error) => error instanceof AssertionError);
  const { state } = foldEvent(toyMachine, start, envelopeOf(1, "counter.closed", null));
  assert.is(state.status, "done");
  assert.is(accepts(toyMachine, state, envelopeOf(2, "counter.added", { amount: 1 })), false);
});

test.run();
