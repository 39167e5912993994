import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  decideRollout,
  type EncodedText,
  type ParseAction,
  type PendingCall,
  type RolloutCommand,
  trajectoryMachine,
} from "../../actors/rollout/index.ts";
import { hashName, streams } from "../../events/index.ts";
import { isDuplicate, rejectionOf, Scenario, typesOf } from "./scenario.ts";

const test = suite("rollout: decide");

const policy = hashName(Buffer.from("policy"));
const picture = hashName(Buffer.from("picture"));
const repaired = hashName(Buffer.from("repaired"));
const sampling = { temperature: 1, greedy: false, tools: true };
const limits = { turnsMax: 4, callsMax: 2, turnTokensMax: 8, contextTokensMax: 64 };

const parseAction: ParseAction = (text) => {
  const [kind = "", body = ""] = text.split(":");
  if (kind === "problem") return { kind, problems: [body] };
  if (kind === "code") return { kind, program: body };
  if (kind === "search") return { kind, query: body };
  if (kind === "answer") return { kind, answer: body };
  return { kind: "malformed", reason: text };
};

const encoded = (tokens: number, images: EncodedText["images"] = []): EncodedText => ({
  ids: new Int32Array(tokens).fill(7),
  images,
});

function trajectory(prompt = encoded(10, [picture])) {
  const scenario = new Scenario<typeof trajectoryMachine, RolloutCommand>(
    trajectoryMachine,
    decideRollout({ limits, parseAction }),
    streams.trajectory("r", 1, 0, 0),
  );
  const begun = scenario.when({ type: "play", policy, task: "t1", sampling, prompt });
  return { scenario, begun };
}

const turn = (turn: number, text: string, more: object = {}) => ({
  type: "turn" as const,
  turn,
  policy,
  ids: Int32Array.of(1, 2, 3),
  text,
  logProbs: Float32Array.of(-1, -2, -3),
  entropy: 0.5,
  finish: "stop" as const,
  reply: encoded(4),
  observed: {},
  ...more,
});

const answerOf = (turn: number, image: typeof repaired | null, tokens = 5) => ({
  type: "tool" as const,
  turn,
  outcome: "ok",
  text: "",
  image,
  report: encoded(tokens, image === null ? [] : [image]),
  observed: {},
});

test("a trajectory starts with its prompt and asks for its first turn", () => {
  const { scenario, begun } = trajectory();
  assert.equal(typesOf(begun), ["trajectory.started"]);
  assert.equal(
    scenario.requests.map(({ name, params }) => [name, params]),
    [["sampleTurn", { turn: 0 }]],
  );
});

test("playing it again is a duplicate", () => {
  const { scenario } = trajectory();
  const again = scenario.when({ type: "play", policy, task: "t1", sampling, prompt: encoded(9) });
  assert.ok(isDuplicate(again));
});

test("a prompt that leaves no room for a turn is refused, not truncated", () => {
  const { begun } = trajectory(encoded(60));
  assert.match(rejectionOf(begun), /needs 68 tokens.*context_tokens_max is 64/);
});

test("a diagnosis is answered by the environment in the same append", () => {
  const { scenario } = trajectory();
  assert.equal(typesOf(scenario.when(turn(0, "problem:dark"))), ["turn.sampled", "turn.prompted"]);
  assert.equal(scenario.requests.at(-1)?.params, { turn: 1 });
});

test("code calls the tool with the latest image", () => {
  const { scenario } = trajectory();
  assert.equal(typesOf(scenario.when(turn(0, "code:one"))), ["turn.sampled", "tool.called"]);
  assert.equal(scenario.requests[0]?.params, {
    turn: 0,
    tool: "python",
    input: "one",
    image: picture,
  });
  const returned = scenario.when(answerOf(0, repaired));
  assert.equal(typesOf(returned), ["tool.returned", "turn.prompted"]);
  assert.equal("events" in returned && returned.blobs, [repaired]);
  scenario.when(turn(1, "code:two"));
  const second = scenario.requests[0]?.params as PendingCall;
  assert.is(second.image, repaired);
});

test("an answer ends the trajectory and carries the counts", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "search:7K"));
  scenario.when(answerOf(0, null));
  assert.equal(typesOf(scenario.when(turn(1, "answer:red"))), ["turn.sampled", "trajectory.ended"]);
  assert.equal(scenario.last, {
    cause: "answered",
    answer: "red",
    turns: 2,
    calls: 1,
  });
});

test("only what the model sampled carries log-probs", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "code:one"));
  scenario.when(answerOf(0, repaired));
  scenario.when(turn(1, "answer:red"));
  const { segments, length, images } = scenario.state.context;
  assert.equal(
    segments.map(({ ids, logProbs }) => [ids.length, logProbs?.length ?? null]),
    [
      [10, null],
      [3, 3],
      [5, null],
      [3, 3],
    ],
  );
  assert.is(length, 21);
  assert.equal(images, [picture, repaired]);
});

test("malformed text ends the trajectory", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "what?"));
  assert.is(scenario.last["cause"], "malformed");
});

test("a turn that was cut off is malformed, whatever it began to say", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "code:half", { finish: "length" }));
  assert.equal(scenario.types, ["trajectory.started", "turn.sampled", "trajectory.ended"]);
});

test("the last turn calls no tool", () => {
  const { scenario } = trajectory();
  for (const n of [0, 1, 2]) scenario.when(turn(n, "problem:dark"));
  scenario.when(turn(3, "code:late"));
  assert.is(scenario.last["cause"], "turn-limit");
});

test("one call too many is answered by the environment, not executed", () => {
  const { scenario } = trajectory();
  for (const n of [0, 1]) {
    scenario.when(turn(n, "code:x"));
    scenario.when(answerOf(n, repaired));
  }
  assert.equal(typesOf(scenario.when(turn(2, "code:x"))), ["turn.sampled", "turn.prompted"]);
});

test("a tool's answer that does not fit into the context ends the trajectory", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "code:x"));
  assert.equal(typesOf(scenario.when(answerOf(0, repaired, 50))), [
    "tool.returned",
    "trajectory.ended",
  ]);
  assert.equal(scenario.last, {
    cause: "context-limit",
    answer: null,
    turns: 1,
    calls: 1,
  });
});

test("a turn of another policy is refused by name", () => {
  const { scenario } = trajectory();
  const stale = hashName(Buffer.from("stale"));
  assert.match(
    rejectionOf(scenario.when(turn(0, "answer:x", { policy: stale }))),
    /policy mismatch/,
  );
  assert.equal(scenario.types, ["trajectory.started"]);
});

test("late and early turns are told apart", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "problem:dark"));
  assert.ok(isDuplicate(scenario.when(turn(0, "problem:dark"))));
  assert.match(rejectionOf(scenario.when(turn(2, "answer:x"))), /came before/);
});

test("a tool's answer without a pending call is a duplicate", () => {
  const { scenario } = trajectory();
  assert.ok(isDuplicate(scenario.when(answerOf(0, repaired))));
  scenario.when(turn(0, "code:x"));
  scenario.when(answerOf(0, repaired));
  assert.ok(isDuplicate(scenario.when(answerOf(0, repaired))));
});

test("after the end everything is late", () => {
  const { scenario } = trajectory();
  scenario.when(turn(0, "answer:x"));
  assert.ok(isDuplicate(scenario.when(turn(1, "answer:y"))));
  assert.ok(isDuplicate(scenario.when(answerOf(0, null))));
});

test("log-probs must match the ids", () => {
  const { scenario } = trajectory();
  const odd = turn(0, "answer:x", { logProbs: Float32Array.of(-1) });
  assert.match(rejectionOf(scenario.when(odd)), /3 ids and 1 log-probs/);
});

test.run();
