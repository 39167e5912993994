import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decideLearner, type LearnerCommand, learnerMachine } from "../../actors/learner/index.ts";
import { hashName } from "../../events/index.ts";
import { isDuplicate, rejectionOf, Scenario, typesOf } from "./scenario.ts";

const test = suite("learner: decide");
const named = (text: string) => hashName(Buffer.from(text));

const rules = {
  seed: 1,
  advantage: { type: "fixed" as const, scale: 0.5 },
  minibatches: 2,
  shuffle: "trajectories" as const,
  kl: { type: "none" as const },
  overlong: null,
  maskTruncated: false,
  groupsMax: 8,
  shuffleAdvantages: false,
  mismatchMax: 1e-3,
  stepsBefore: 0,
};

const learner = () =>
  new Scenario<typeof learnerMachine, LearnerCommand>(
    learnerMachine,
    decideLearner(rules),
    "learner/r",
  );

const assemble = (step: number, policy = "p0", optimizer = "o0", rewards = [1, 0]) => ({
  type: "assemble" as const,
  step,
  policy: named(policy),
  optimizer: named(optimizer),
  trajectories: rewards.map((reward, sample) => ({
    stream: `t${sample}`,
    group: 0,
    sample,
    reward,
  })),
});

const gradient = (step: number, minibatch: number, more: object = {}) => ({
  step,
  minibatch,
  tokens: 3,
  loss: 0,
  policyLoss: 0,
  kl: 0,
  entropy: 0.1,
  ratioMean: 1,
  ratioMax: 1,
  klOld: 0,
  clipFraction: 0,
  mismatchMax: 0,
  mismatchMean: 0,
  gradientNorm: 1,
  learningRate: 0.1,
  gradient: named(`g${step}.${minibatch}`),
  stored: true,
  ...more,
});

const learned = (step: number, stored = false, more: object = {}) => ({
  type: "learned" as const,
  step,
  gradients: [gradient(step, 0, more), gradient(step, 1)],
  policyAfter: named(`p${step}`),
  optimizerAfter: named(`o${step}`),
  optimizerStored: stored,
});

test("judged trajectories become a batch, and the batch asks to be learned", () => {
  const scenario = learner();
  assert.equal(typesOf(scenario.when(assemble(1))), ["batch.assembled"]);
  assert.equal(
    scenario.requests.map(({ name, params }) => [name, params]),
    [["learn", { step: 1 }]],
  );
});

test("a batch ends in its gradients and one new policy", () => {
  const scenario = learner();
  scenario.when(assemble(1));
  const decision = scenario.when(learned(1));
  assert.equal(typesOf(decision), ["gradient.computed", "gradient.computed", "policy.updated"]);
  assert.equal("events" in decision && decision.blobs, [named("g1.0"), named("g1.1"), named("p1")]);
  const { policyBefore, optimizerBefore, policyAfter } = scenario.last;
  assert.equal([policyBefore, optimizerBefore, policyAfter], ["p0", "o0", "p1"].map(named));
});

test("the same batch again, during and after learning, is a duplicate", () => {
  const scenario = learner();
  scenario.when(assemble(1));
  assert.ok(isDuplicate(scenario.when(assemble(1))));
  scenario.when(learned(1));
  assert.ok(isDuplicate(scenario.when(assemble(1))));
  assert.ok(isDuplicate(scenario.when(learned(1))));
});

test("a step out of order is refused", () => {
  const scenario = learner();
  assert.match(rejectionOf(scenario.when(assemble(2))), /step 2 came before step 1/);
});

test("a batch of another policy or optimizer than the current one is refused", () => {
  const scenario = learner();
  scenario.when(assemble(1));
  scenario.when(learned(1));
  assert.match(rejectionOf(scenario.when(assemble(2, "p0", "o1"))), /step 2 starts from/);
  assert.match(rejectionOf(scenario.when(assemble(2, "p1", "o0"))), /the optimizer is/);
  assert.equal(typesOf(scenario.when(assemble(2, "p1", "o1"))), ["batch.assembled"]);
});

test("a mismatch beyond the limit, or one that is no number, stops the run", () => {
  for (const mismatchMax of [1, Number.NaN]) {
    const scenario = learner();
    scenario.when(assemble(1));
    assert.match(rejectionOf(scenario.when(learned(1, false, { mismatchMax }))), /mismatch_max/);
  }
});

test("a missing gradient is refused", () => {
  const scenario = learner();
  scenario.when(assemble(1));
  const short = { ...learned(1), gradients: [gradient(1, 0)] };
  assert.match(rejectionOf(scenario.when(short)), /2 minibatches and 1 gradients/);
});

test("a step in which every group agreed changes nothing but is recorded", () => {
  const scenario = learner();
  scenario.when(assemble(1, "p0", "o0", [1, 1]));
  const same = {
    ...learned(1),
    gradients: [],
    policyAfter: named("p0"),
    optimizerAfter: named("o0"),
  };
  assert.equal(typesOf(scenario.when(same)), ["policy.updated"]);
});

test("the trail holds the gradients since the last stored optimizer", () => {
  const scenario = learner();
  scenario.when(assemble(1));
  scenario.when(learned(1));
  assert.is(scenario.state.context.trail.length, 2);
  assert.is(scenario.state.context.start?.optimizer, named("o0"));
  scenario.when(assemble(2, "p1", "o1"));
  scenario.when(learned(2, true));
  assert.equal(scenario.state.context.trail, []);
  assert.is(scenario.state.context.start?.optimizer, named("o2"));
});

test.run();
