// A run with the real engine: a small Qwen2.5-VL with fresh weights over the mini benchmark. Such a
// model says nothing sensible, so the environment here reads actions out of whatever it says; what
// counts is that every number is the same wherever and however often it is computed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Environment,
  firstDifference,
  initialPolicy,
  openLearnerPolicy,
  openRolloutPolicy,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, sha256Hex } from "../../events/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { environment, miniSource } from "../../tasks/index.ts";
import { writeSmallCheckpoint } from "./small-checkpoint.ts";
import { startTinyRun, type TinyOptions, tinyConfig, type World } from "./tiny-run.ts";

const test = suite("a run with the real engine");

/** Reads an action out of any text, by its hash. */
const babel: Environment = {
  ...environment,
  parseAction(text) {
    const draw = Number.parseInt(sha256Hex("babel", text).slice(0, 2), 16) % 4;
    if (draw === 0) return { kind: "code", program: text };
    if (draw === 1) return { kind: "problem", problems: ["dark"] };
    return draw === 2 ? { kind: "answer", answer: text } : { kind: "malformed", reason: text };
  },
};

let directory = "";
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-real-"));
  await writeSmallCheckpoint(directory);
});
test.after(() => rm(directory, { recursive: true, force: true }));

function realConfig(tune: RunConfig["tune"]): RunConfig {
  const config = tinyConfig({ steps: 2, tasks: 2 });
  const rollout = { ...config.rollout, prompts: 2, samples: 4, turnsMax: 3 };
  return {
    ...config,
    tune,
    model: { directory },
    rollout: { ...rollout, turnTokensMax: 6, contextTokensMax: 200, rowsMax: 8 },
    learner: { ...config.learner, learningRate: 1e-3, microRows: 3 },
  };
}

async function complete(config: RunConfig, options: TinyOptions = {}) {
  const closing: (() => Promise<void>)[] = [];
  const opened = async <P extends { close(): Promise<void> }>(opening: Promise<P>) => {
    const policy = await opening;
    closing.push(() => policy.close());
    return policy;
  };
  const world: World = {
    environment: babel,
    tasks: {
      ...miniSource(1),
      evaluation: (_, count) => miniSource(1).evaluation("singles", count),
    },
    initial: await initialPolicy(config),
    rollout: (readBlob) => opened(openRolloutPolicy(config, readBlob)),
    learner: (readBlob) => opened(openLearnerPolicy(config, readBlob)),
  };
  const run = await startTinyRun({ ...options, world, config });
  try {
    await run.head.done;
    return { result: await run.result(), events: run.events };
  } finally {
    await run.close();
    for (const close of closing) await close();
  }
}

for (const [name, tune] of [
  ["all parameters", { type: "full", vision: true }],
  ["a language model under a tower that stays as it is", { type: "full", vision: false }],
  ["adapters", { type: "lora", rank: 2, alpha: 4, vision: true }],
] as const) {
  test(`${name}: sampler and learner agree, and two workers give the same bytes`, async () => {
    const config = realConfig(tune);
    const { result, events } = await complete(config);
    const gradients = events
      .filter(({ type }) => type === "gradient.computed")
      .map(({ data }) => data as EventData<"gradient.computed">);
    assert.ok(gradients.length > 0, "a step had something to learn");
    assert.ok(
      events.some(({ type }) => type === "tool.returned"),
      "a tool was called",
    );
    for (const { mismatchMax } of gradients) assert.ok(mismatchMax <= 1e-4, `${mismatchMax}`);
    assert.ok(new Set(result.policies).size > 1, "the policy changes");
    const other = await complete(config, { samplers: [undefined, undefined] });
    assert.is(firstDifference(result, other.result), null);
  });
}

test("stopped after its first step and resumed, it gives the same bytes", async () => {
  const config = realConfig({ type: "full", vision: true });
  const { result } = await complete(config);
  const disk = new MemoryDisk();
  let stopped = false;
  await complete(config, {
    disk,
    onEvent({ type, data }, run) {
      if (stopped || type !== "batch.assembled") return;
      stopped = (data as EventData<"batch.assembled">).step === 2;
      if (stopped) void run.kill("learner").then(() => run.startLearner());
    },
  });
  assert.ok(stopped);
  const again = await complete(config, { disk });
  assert.is(firstDifference(result, again.result), null);
});

test.run();
