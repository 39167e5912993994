// Goal: an evaluation that does not let the agent act plays a trajectory of one turn, and RAG's one
// search is recorded before it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  decideRollout,
  type EncodedText,
  type RolloutCommand,
  trajectoryMachine,
} from "../../actors/rollout/index.ts";
import { hashName, type Sampling, streams } from "../../events/index.ts";
import { environment, withModes } from "../../tasks/index.ts";
import { rejectionOf, Scenario, typesOf } from "./scenario.ts";

const test = suite("rollout: modes");

const policy = hashName(Buffer.from("policy"));
const picture = hashName(Buffer.from("picture"));
const limits = { turnsMax: 4, callsMax: 0, turnTokensMax: 8, contextTokensMax: 64 };
const { parseAction } = withModes(environment);

const encoded = (tokens: number, more: Partial<EncodedText> = {}): EncodedText => ({
  ids: new Int32Array(tokens).fill(7),
  images: [picture],
  ...more,
});

function trajectory(mode: Sampling["mode"], prompt = encoded(10)) {
  const scenario = new Scenario<typeof trajectoryMachine, RolloutCommand>(
    trajectoryMachine,
    decideRollout({ limits, parseAction }),
    streams.trajectory("r", "e0", 0, 0),
  );
  const sampling = { temperature: 1, greedy: true, tools: true, ...(mode && { mode }) };
  const query = mode === "rag" ? { query: "Who built it?" } : {};
  const begun = scenario.when({ type: "play", policy, task: "t", sampling, prompt, ...query });
  return { scenario, begun };
}

const turn = (text: string, more: object = {}) => ({
  type: "turn" as const,
  turn: 0,
  policy,
  ids: Int32Array.of(1, 2, 3),
  text,
  logProbs: Float32Array.of(-1, -2, -3),
  entropy: 0.5,
  finish: "stop" as const,
  reply: null,
  observed: {},
  ...more,
});

const found = (report: EncodedText) => ({
  type: "tool" as const,
  turn: 0,
  outcome: "ok",
  text: "<information> Eiffel </information>",
  image: null,
  report,
  observed: {},
});

function endOf(scenario: ReturnType<typeof trajectory>["scenario"], command: object) {
  const outcome = scenario.when(command as never);
  if (!("events" in outcome)) throw new Error(rejectionOf(outcome));
  return outcome.events.at(-1)?.data as { readonly cause: string; readonly answer: string | null };
}

test("direct: the whole turn is the answer", () => {
  const { scenario, begun } = trajectory("direct");
  assert.equal(typesOf(begun), ["trajectory.started"]);
  const end = endOf(scenario, turn(" Gustave Eiffel\n"));
  assert.equal([end.cause, end.answer], ["answered", "Gustave Eiffel"]);
});

test("direct: a turn that was cut off, and an empty one, answer nothing", () => {
  for (const command of [turn("Gustave", { finish: "length" }), turn(" \n")]) {
    const end = endOf(trajectory("direct").scenario, command);
    assert.equal([end.cause, end.answer], ["malformed", null]);
  }
});

test("chain of thought: the last answer tag counts, whatever the thought says", () => {
  const spoken = "<think> <answer> no </answer> </think>\n<answer> Eiffel </answer>";
  assert.is(endOf(trajectory("cot").scenario, turn(spoken)).answer, "Eiffel");
  assert.is(endOf(trajectory("cot").scenario, turn("I think it was Eiffel.")).cause, "malformed");
});

test("chain of thought: an answer counts though the turn was cut off behind it", () => {
  const command = turn("<think> x </think><answer> Eiffel </answer> and", { finish: "length" });
  assert.is(endOf(trajectory("cot").scenario, command).answer, "Eiffel");
});

test("RAG: the question is searched for before the first turn, whatever calls are allowed", () => {
  const { scenario, begun } = trajectory("rag");
  assert.equal(typesOf(begun), ["trajectory.started", "tool.called"]);
  const call = { turn: 0, tool: "search", input: "Who built it?", image: null };
  assert.equal(
    scenario.requests.map(({ name, params }) => [name, params]),
    [["callTool", call]],
  );
  const answered = scenario.when(found(encoded(30, { fresh: true })));
  assert.equal(typesOf(answered), ["tool.returned", "turn.prompted"]);
  assert.equal(scenario.requests.at(-1)?.params, { turn: 0 });
  const { context } = scenario.state;
  assert.is(context.length, 30, "the prompt with what was found is the whole context");
  assert.equal([context.images, context.segments.length], [[picture], 1]);
  assert.is(endOf(scenario, turn("Eiffel")).answer, "Eiffel");
});

test("RAG: what was found and does not fit ends it with its cause", () => {
  const { scenario } = trajectory("rag");
  assert.is(endOf(scenario, found(encoded(60, { fresh: true }))).cause, "context-limit");
});

test("a turn without log-probs is taken where it says so, and only there", () => {
  const bare = { logProbs: new Float32Array(0), entropy: 0 };
  assert.is(
    endOf(trajectory("direct").scenario, turn("x", { ...bare, unscored: true })).answer,
    "x",
  );
  assert.match(rejectionOf(trajectory("direct").scenario.when(turn("x", bare))), /0 log-probs/);
});

test.run();
