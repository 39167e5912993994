import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decideJudge, type JudgeCommand, judgeMachine } from "../../actors/reward-judge/index.ts";
import { streams } from "../../events/index.ts";
import { isDuplicate, rejectionOf, Scenario, typesOf } from "./scenario.ts";
import { tinyConfig } from "./tiny-run.ts";

const test = suite("reward judge: decide");

const judge = () =>
  new Scenario<typeof judgeMachine, JudgeCommand>(
    judgeMachine,
    decideJudge(tinyConfig().reward),
    "judge/r",
  );

const outcome = (step: number, sample: number) => ({
  trajectory: streams.trajectory("r", step, 0, sample),
  em: 1,
  f1: 1,
  format: 1,
  calls: 2,
  pixelError: 3,
});

const judging = (...outcomes: ReturnType<typeof outcome>[]) => ({
  type: "judge" as const,
  outcomes,
});

test("a reward is the weighted sum of its listed components", () => {
  const scenario = judge();
  scenario.when(judging(outcome(1, 0)));
  const { components, reward, pixelError } = scenario.last;
  assert.equal(components, [
    { name: "f1", value: 1, weight: 0.8, function: "f1@1" },
    { name: "format", value: 1, weight: 0.2, function: "format@1" },
    { name: "calls", value: 2, weight: -0.05, function: "calls@1" },
  ]);
  assert.is(reward, 0.9);
  assert.is(pixelError, 3);
});

test("a trajectory is judged once", () => {
  const scenario = judge();
  assert.equal(typesOf(scenario.when(judging(outcome(1, 0)))), ["reward.assigned"]);
  assert.ok(isDuplicate(scenario.when(judging(outcome(1, 0)))));
  assert.equal(typesOf(scenario.when(judging(outcome(1, 0), outcome(1, 1)))), ["reward.assigned"]);
  assert.is(scenario.last["trajectory"], outcome(1, 1).trajectory);
});

test("trajectories of different steps are not judged together", () => {
  const decision = judge().when(judging(outcome(1, 0), outcome(2, 0)));
  assert.match(rejectionOf(decision), /one step or evaluation/);
});

test("the state holds the latest step only", () => {
  const scenario = judge();
  scenario.when(judging(outcome(1, 0)));
  scenario.when(judging(outcome(2, 0)));
  assert.equal(scenario.state.context.judged, [outcome(2, 0).trajectory]);
});

test.run();
