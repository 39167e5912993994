// Goal: one configuration trains the coding and the search task with one model on files in the
// official layouts, questions without an image among them, through the real actors and the real
// engine; and evaluates on the benchmarks by the reference's protocol.
// Method: a small model with fresh weights says nothing sensible, so actions are read out of
// whatever it says; what counts is what is asked, shown, judged and learned.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Environment,
  initialPolicy,
  openLearnerPolicy,
  openRolloutPolicy,
  turnText,
} from "../../actors/index.ts";
import { openTasks } from "../../cli/session/parts.ts";
import { protocolOf, type RunConfig, restoreRunConfig } from "../../config/index.ts";
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  sha256Hex,
} from "../../events/index.ts";
import { openTokenizer } from "../../model/index.ts";
import { environmentOf } from "../../tasks/index.ts";
import { writeSmallCheckpoint } from "./small-checkpoint.ts";
import { startTinyRun, tinyConfig } from "./tiny-run.ts";

const test = suite("both tasks with one model");
const folder = "tests/fixtures/visual-arft";
let directory = "";
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-two-tasks-"));
  await writeSmallCheckpoint(directory);
});
test.after(() => rm(directory, { recursive: true, force: true }));

const training = (file: string) => ({
  type: "visual-arft-training",
  file: `${folder}/MAT-Training/${file}`,
});
const rows = { type: "rows", heldoutShare: 0 };
const sources = [
  { name: "code", weight: 2, ...training("rft_agent_code_1_2k.json") },
  { name: "search", weight: 2, ...training("rft_agent_search_20.json") },
  { name: "text", weight: 2, ...rows, file: `${folder}/bamboogle/test.jsonl` },
  {
    name: "mat",
    weight: 0,
    ...rows,
    file: `${folder}/MAT-Benchmark/MAT-Coding.json`,
    heldoutShare: 1,
  },
];

const evaluated = { name: "mat", set: "mat/heldout", tasks: 4, greedy: false, when: ["after"] };
const evaluatedSamples = 4;

function configOf(changes: Readonly<Record<string, unknown>>, rollout: object): RunConfig {
  const base = tinyConfig({ steps: 2 });
  return restoreRunConfig({
    ...base,
    model: { directory },
    tune: { type: "full", vision: false },
    tasks: { type: "mixture", sources },
    rollout: {
      ...base.rollout,
      prompts: 6,
      samples: 3,
      turnsMax: 3,
      turnTokensMax: 8,
      contextTokensMax: 4_096,
      rowsMax: 9,
      ...rollout,
    },
    learner: { ...base.learner, learningRate: 1e-4, microRows: 3 },
    reward: { f1: 1, format: 0.2, diagnosis: 0.5, executed: 0.5, correction: 0.5, exact_match: 0 },
    evaluation: { sets: [{ ...evaluated, samples: evaluatedSamples }] },
    ...changes,
  });
}

/** An environment of the protocol in which whatever is said is an action, by its hash. */
function babel(acting: Environment): Environment {
  return {
    ...acting,
    parseAction(text) {
      const draw = Number.parseInt(sha256Hex("babel", text).slice(0, 2), 16) % 5;
      if (draw <= 1) return { kind: "code", program: text };
      if (draw === 2) return { kind: "problem", problems: ["dark"] };
      return draw === 3 ? { kind: "search", query: text } : { kind: "answer", answer: "black" };
    },
  };
}

async function complete(config: RunConfig) {
  const closing: (() => Promise<void>)[] = [];
  const opened = async <P extends { close(): Promise<void> }>(opening: Promise<P>) => {
    const policy = await opening;
    closing.push(() => policy.close());
    return policy;
  };
  const tokenizer = await openTokenizer(directory);
  const run = await startTinyRun({
    config,
    world: {
      environment: babel(environmentOf(protocolOf(config), config.rollout.cropOracle)),
      decode: (ids) => turnText(tokenizer, ids),
      tasks: await openTasks(config, () => {}),
      initial: await initialPolicy(config),
      rollout: (readBlob) => opened(openRolloutPolicy(config, readBlob)),
      learner: (readBlob) => opened(openLearnerPolicy(config, readBlob)),
    },
  });
  try {
    await run.head.done;
    return { events: run.events, decode: (ids: Int32Array) => tokenizer.decode(ids) };
  } finally {
    await run.close();
    for (const close of closing) await close();
  }
}

const dataOf = <T extends EventType>(events: readonly EventEnvelope[], type: T) =>
  events
    .filter((one) => one.type === type)
    .map((one) => ({ ...one, data: one.data as EventData<T> }));

test("a mixture of both tasks is played, judged and learned, with and without images", async () => {
  const { events, decode } = await complete(configOf({}, {}));
  const planned = dataOf(events, "step.planned").flatMap(({ data }) => data.tasks);
  const names = new Set(planned.map(({ id }) => id.split("/")[0]));
  assert.equal([...names].sort(), ["code", "search", "text"]);
  const started = dataOf(events, "trajectory.started");
  for (const { id, image, task, question } of planned) {
    const first = started.find(({ data }) => data.task === id);
    assert.equal(first?.data.images, image === null ? [] : [image], id);
    const prompt = decode(first?.data.ids ?? new Int32Array());
    assert.is(prompt.includes("<|image_pad|>"), image !== null, id);
    assert.match(
      prompt,
      task === "coding" ? "step-by-step image processing" : "multimodal reasoning",
    );
    assert.match(prompt, `<query> ${question} </query>`);
  }
  const noImage = dataOf(events, "tool.returned").filter(({ data }) => data.cause === "no-image");
  assert.ok(noImage.length > 0, "a program was called where there is no image");
  const rewards = dataOf(events, "reward.assigned");
  assert.is(rewards.length, 2 * 6 * 3 + 4 * evaluatedSamples);
  for (const { data } of rewards) {
    assert.equal(
      data.components.map(({ name, function: by }) => [name, by]),
      [
        ["f1", "f1@1"],
        ["format", "format@1"],
        ["exact_match", "exact-match@1"],
        ["diagnosis", "diagnosis@1"],
        ["executed", "executed@1"],
        ["correction", "correction@1+group"],
      ],
    );
  }
  const gradients = dataOf(events, "gradient.computed");
  assert.ok(gradients.length > 0, "something was learned");
  for (const { data } of gradients) assert.ok(data.mismatchMax <= 1e-4, `${data.mismatchMax}`);
  const [evaluation] = dataOf(events, "evaluation.completed");
  assert.equal(Object.keys(evaluation?.data.summary.kinds ?? {}).sort(), [
    "crop",
    "dark",
    "none",
    "rotation180",
  ]);
});

test("the teacher's steps are trained one by one, as the reference does", async () => {
  const config = configOf(
    {
      run: { seed: 3, steps: 1 },
      tasks: { ...training("rft_agent_code_1_2k.json"), play: "steps" },
      reward: {
        format: { weight: 1, mode: "reference" },
        stepAccuracy: { weight: 1, mode: "reference" },
        groundTruthInjection: "reference",
      },
      evaluation: {},
    },
    { turnsMax: 1, protocol: "reference" },
  );
  const { events } = await complete(config);
  assert.is(dataOf(events, "turn.prompted").length, 0);
  const rewards = dataOf(events, "reward.assigned");
  const injected = rewards.filter(({ data }) => data.injected);
  assert.is(injected.length, 6, "one of each group");
  for (const { data } of injected) assert.ok(data.reward >= 1.9, `${data.reward}`);
});

test("the reference's protocol evaluates in one message with one image", async () => {
  const config = configOf({ run: { seed: 3, steps: 0 } }, { protocol: "reference", turnsMax: 5 });
  const { events, decode } = await complete(config);
  const prompted = dataOf(events, "turn.prompted");
  assert.ok(prompted.length > 0, "a turn followed another");
  for (const { data } of prompted) {
    assert.is(data.fresh, true);
    assert.is(data.images.length, 1);
    const text = decode(data.ids);
    assert.is(text.split("# Current reasoning chain:").length, 2);
    assert.match(text, "<query> Re");
  }
});

test.run();
