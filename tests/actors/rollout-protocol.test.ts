// Goal: an environment whose message grows is played in fresh contexts, each with one image slot
// and everything that was said; a program may be replaced before it is run.
// Method: the effects' own functions over a machine that is folded by hand, with words as tokens.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  decideRollout,
  type Encoder,
  type RolloutCommand,
  toolResult,
  trajectoryMachine,
  turnResult,
} from "../../actors/rollout/index.ts";
import { type HashName, hashName, type Task } from "../../events/index.ts";
import { environmentOf, type ProtocolName } from "../../tasks/index.ts";
import { Scenario } from "./scenario.ts";

const test = suite("rollout: protocols");
const image = hashName(Buffer.from("task"));
const processed = hashName(Buffer.from("processed"));
const policy = hashName(Buffer.from("policy"));
const task: Task = {
  id: "t",
  task: "coding",
  kind: "crop",
  question: "Read [0, 0, 500, 500].",
  answers: ["x"],
  image,
  reference: null,
};
const limits = { turnsMax: 5, callsMax: 3, turnTokensMax: 2_000, contextTokensMax: 50_000 };

const bytesOf = (text: string) => Int32Array.from(Buffer.from(text));
const textOf = (ids: Int32Array) => Buffer.from(ids).toString();
const encoder: Encoder = {
  prompt: async ({ text, images }) => ({ ids: bytesOf(`PROMPT ${text}`), images }),
  continuation: async ({ text, images }) => ({ ids: bytesOf(`NEXT ${text}`), images }),
  decode: textOf,
};

/** Plays turns and the images that their programs made. */
async function play(
  protocol: ProtocolName,
  turns: readonly (readonly [text: string, output?: HashName | null])[],
  oracle: "off" | "reference" = "off",
) {
  const environment = environmentOf(protocol, oracle);
  const words = { environment, encoder, limits };
  const { parseAction } = environment;
  const scenario = new Scenario<typeof trajectoryMachine, RolloutCommand>(
    trajectoryMachine,
    decideRollout({ limits, parseAction }),
    "trajectory/r/1.0.0",
  );
  const sampling = { temperature: 1, greedy: false, tools: true };
  const prompt = await encoder.prompt(environment.prompt(task));
  scenario.when({ type: "play", policy, task: "t", sampling, prompt });
  for (const [turn, [text, output = null]] of turns.entries()) {
    const ids = bytesOf(text);
    const logProbs = new Float32Array(ids.length);
    const sampled = {
      ids,
      logProbs,
      entropy: 0,
      finish: "stop",
      policy,
      turn,
      observed: {},
    } as const;
    const { context } = scenario.state;
    scenario.when(await turnResult(words, task, sampled, context));
    const { pending, history } = scenario.state.context;
    if (pending === null) continue;
    const cause = output === null ? "error" : "ok";
    const reply = { cause, text: output === null ? "NameError" : "", image: output, observed: {} };
    scenario.when(await toolResult(words, task, pending, reply, { history }));
  }
  return { scenario };
}

const diagnosis = "<think> It is. </think>\n<problem> {'crop'} </problem>";
const program = "<think> So. </think>\n<code>\n```python\nb = a[1:2, 3:4]\n```\n</code>";

const contextOf = (scenario: Awaited<ReturnType<typeof play>>["scenario"]): string =>
  scenario.state.context.segments.map(({ ids }) => textOf(ids)).join("|");

test("the reference's message holds all that was said, and the latest image alone", async () => {
  const { scenario } = await play("reference", [
    [diagnosis],
    [program, null],
    [program, processed],
  ]);
  const { context } = scenario.state;
  assert.is(context.segments.length, 1);
  assert.equal(context.images, [processed]);
  const [segment] = context.segments;
  assert.is(segment?.logProbs, null);
  assert.is(context.length, segment?.ids.length);
  const text = contextOf(scenario);
  assert.ok(text.startsWith("PROMPT <image># Role\n"));
  assert.ok(text.includes(`<query> ${task.question} <query>\n${diagnosis}\n<tips> We now need`));
  assert.ok(text.endsWith(`</tips>\n\n${program}\n${program}`), text.slice(-400));
  assert.not.match(text, "NameError");
  assert.equal(scenario.last["fresh"], true);
});

test("in chat each message follows the last, with the reason of a failure", async () => {
  const { scenario } = await play("chat", [[diagnosis], [program, null], [program, processed]]);
  const { context } = scenario.state;
  assert.equal(context.images, [image, processed]);
  const text = contextOf(scenario);
  assert.match(text, /\|NEXT <tips> The program gave no image: NameError\./);
  assert.match(text, /\|NEXT <image><tips> The program has run/);
  assert.is(context.segments.filter(({ logProbs }) => logProbs !== null).length, 3);
  assert.is(scenario.last["fresh"], undefined);
});

test("the history keeps every turn, its call and its answer", async () => {
  const { scenario } = await play("reference", [[diagnosis], [program, processed]]);
  const { history } = scenario.state.context;
  assert.equal(
    history.map(({ ids, call, answer }) => [
      textOf(ids),
      call?.tool ?? null,
      answer?.image ?? null,
    ]),
    [
      [diagnosis, null, null],
      [program, "python", processed],
    ],
  );
});

test("the reference's crop is what the tool is called with, where it is asked for", async () => {
  for (const oracle of ["off", "reference"] as const) {
    const { scenario } = await play("chat", [[diagnosis], [program, processed]], oracle);
    const input = scenario.state.context.history.at(-1)?.call?.input ?? "";
    assert.is(input.includes("int(500 / 1000 * _oracle_h)"), oracle === "reference", oracle);
    assert.is(input.includes("a[1:2, 3:4]"), oracle === "off", oracle);
  }
});

test("five turns without an answer end the episode", async () => {
  const { scenario } = await play("reference", [
    [diagnosis],
    [diagnosis],
    [diagnosis],
    [diagnosis],
    [diagnosis],
  ]);
  assert.equal(scenario.last, { cause: "turn-limit", answer: null, turns: 5, calls: 0 });
});

test.run();
