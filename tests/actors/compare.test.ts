import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference, resultOfEvents } from "../../actors/index.ts";
import { type EventEnvelope, hashName, streams } from "../../events/index.ts";

const test = suite("the result of a run");

function stored(run: string, changes: Partial<EventEnvelope> = {}): EventEnvelope {
  const trajectory = streams.trajectory(run, 1, 0, 0);
  return {
    id: "i",
    stream: streams.judge(run),
    seq: 1,
    type: "reward.assigned",
    v: 1,
    time: 1,
    cause: null,
    command: "c",
    trace: null,
    epoch: 1,
    by: "judge",
    data: { trajectory, reward: 1, observed: { ms: 1 } },
    ...changes,
  };
}

const difference = (a: readonly EventEnvelope[], b: readonly EventEnvelope[]) =>
  firstDifference(resultOfEvents(a), resultOfEvents(b));

test("times, epochs, authors and what was merely observed do not count", () => {
  const { data } = stored("a") as EventEnvelope<object>;
  const other = stored("a", { time: 9, epoch: 7, by: "x", data: { ...data, observed: { ms: 5 } } });
  assert.is(difference([stored("a")], [other]), null);
});

test("the name of the run does not count, in streams or in data", () => {
  assert.is(difference([stored("a")], [stored("b")]), null);
});

test("the global order does not count, the order within a stream does", () => {
  const first = stored("a");
  const second = stored("a", { seq: 2, data: { trajectory: "t", reward: 2 } });
  const elsewhere = stored("a", { stream: streams.run("a"), type: "run.completed", data: {} });
  assert.is(difference([first, elsewhere], [elsewhere, first]), null);
  assert.equal(difference([first, second], [second, first]), {
    stream: "judge",
    seq: 1,
    reason: "the data of reward.assigned differ",
  });
});

test("operational streams do not count", () => {
  const life = stored("a", { stream: streams.actor("rollout-0"), type: "actor.ended", data: {} });
  assert.is(difference([life, stored("a")], [stored("a")]), null);
});

test("a missing event is named by its place", () => {
  assert.equal(difference([stored("a")], []), {
    stream: "judge",
    seq: 1,
    reason: "only the first has an event",
  });
});

test("policies and optimizers are listed in their order", () => {
  const named = (text: string) => hashName(Buffer.from(text));
  const started = stored("a", {
    stream: streams.run("a"),
    type: "run.started",
    data: {
      run: "a",
      policy: named("p0"),
      optimizer: named("o0"),
      config: { rollout: { workers: 1 } },
    },
  });
  const updated = stored("a", {
    stream: streams.learner("a"),
    type: "policy.updated",
    data: { policyAfter: named("p1"), optimizerAfter: named("o1") },
  });
  const result = resultOfEvents([started, updated]);
  assert.equal(result.policies, [named("p0"), named("p1")]);
  assert.equal(result.optimizers, [named("o0"), named("o1")]);
});

test("how many workers there were is placement, not result", () => {
  const started = (workers: number) =>
    stored("a", {
      stream: streams.run("a"),
      type: "run.started",
      data: { run: "a", config: { rollout: { workers, samples: 8 } } },
    });
  assert.is(difference([started(1)], [started(2)]), null);
});

test.run();
