// Goal: a run whose turns are sampled at a server learns from them as from its own: the sampler's
// and the learner's log-probs agree, and what goes wrong at the server stops the run or costs
// time, and is never a reward. With VARFT_TEST_ENGINE_URL the same run is made with a real server
// of models/tiny (docs/external-engine.md says how it is started).
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
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, type EventEnvelope, sha256Hex } from "../../events/index.ts";
import { environment, miniSource } from "../../tasks/index.ts";
import { type EngineModel, openEngineModel } from "./engine-policy.ts";
import { TestEngineServer } from "./engine-server.ts";
import { engineConfig } from "./engine-world.ts";
import { startTinyRun, type World } from "./tiny-run.ts";

const test = suite("a run with an engine at a server");
const realUrl = process.env["VARFT_TEST_ENGINE_URL"] ?? "";
const realServer = process.env["VARFT_TEST_ENGINE_SERVER"] === "sglang" ? "sglang" : "vllm";

let directory = "";
let model: EngineModel;
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-engine-run-"));
  model = await openEngineModel("models/tiny", 4, 8);
});
test.after(async () => {
  await model.close();
  await rm(directory, { recursive: true, force: true });
});

/** Reads an action out of any text, by its hash: rewards differ whatever is said. */
const babel: Environment = {
  ...environment,
  parseAction(text) {
    const draw = Number.parseInt(sha256Hex("babel", text).slice(0, 2), 16) % 4;
    if (draw === 0) return { kind: "code", program: text };
    if (draw === 1) return { kind: "problem", problems: ["dark"] };
    return draw === 2 ? { kind: "answer", answer: text } : { kind: "malformed", reason: text };
  },
};

/** Runs to the end with so many Rollout workers. */
async function complete(
  config: RunConfig,
  {
    workers = 1,
    onEvent = () => {},
  }: { workers?: number; onEvent?: (e: EventEnvelope) => void } = {},
) {
  const closing: (() => Promise<void>)[] = [];
  const opened = async <P extends { close(): Promise<void> }>(opening: Promise<P>) => {
    const policy = await opening;
    closing.push(() => policy.close());
    return policy;
  };
  const tasks = miniSource(1);
  const world: World = {
    environment: babel,
    tasks: { ...tasks, evaluation: (_, count) => tasks.evaluation("singles", count) },
    initial: await initialPolicy(config),
    rollout: (readBlob) => opened(openRolloutPolicy(config, readBlob)),
    learner: (readBlob) => opened(openLearnerPolicy(config, readBlob)),
  };
  const samplers = new Array<undefined>(workers).fill(undefined);
  const run = await startTinyRun({ world, config, samplers, onEvent });
  try {
    await run.head.done;
    return { result: await run.result(), events: run.events };
  } finally {
    await run.close();
    for (const close of closing) await close();
  }
}

const dataOf = <T extends "gradient.computed" | "turn.sampled" | "policy.updated">(
  events: readonly EventEnvelope[],
  type: T,
) => events.filter((one) => one.type === type).map(({ data }) => data as EventData<T>);

function learned(events: readonly EventEnvelope[]): number {
  const gradients = dataOf(events, "gradient.computed");
  assert.ok(gradients.length > 0, "a step had something to learn");
  const worst = Math.max(...gradients.map(({ mismatchMax }) => mismatchMax));
  assert.ok(worst <= 1e-4, `sampler and learner differ by ${worst}`);
  const updates = dataOf(events, "policy.updated");
  assert.ok(
    updates.some(({ policyBefore, policyAfter }) => policyBefore !== policyAfter),
    "the policy changes",
  );
  const sampledWith = new Set(dataOf(events, "turn.sampled").map(({ policy }) => policy));
  for (const { policyBefore } of updates) assert.ok(sampledWith.has(policyBefore));
  return worst;
}

for (const server of ["vllm", "sglang"] as const) {
  test(`${server}: three steps, each sampled with its own adapter`, async () => {
    const engine = new TestEngineServer({ server, model });
    try {
      const config = engineConfig({ url: await engine.open(), directory, server });
      const { events } = await complete(config);
      learned(events);
      assert.equal(engine.adapters, [], "what was loaded is unloaded at the end");
    } finally {
      await engine.close();
    }
  });
}

test("two workers share a server, and one that breaks now and then costs nothing", async () => {
  const engine = new TestEngineServer({ server: "vllm", model });
  try {
    const config = engineConfig({ url: await engine.open(), directory });
    const { result } = await complete(config);
    let asked = 0;
    engine.fault = (path) => {
      asked += 1;
      // Every adapter is forgotten once, and every ninth request fails.
      if (asked === 60) engine.forget();
      if (asked % 9 !== 0 || path === "/version") return null;
      return asked % 2 === 0 ? { kind: "cut" } : { kind: "status", status: 503, body: "later" };
    };
    const again = await complete(config, { workers: 2 });
    assert.ok(asked > 60, `${asked} requests`);
    assert.equal(again.result.policies, result.policies);
  } finally {
    await engine.close();
  }
});

test("an adapter that the server cannot load stops the run before a turn is sampled", async () => {
  const engine = new TestEngineServer({ server: "vllm", model, rankMax: 2 });
  const events: EventEnvelope[] = [];
  try {
    const config = engineConfig({ url: await engine.open(), directory });
    await complete(config, { onEvent: (event) => events.push(event) }).then(
      () => assert.unreachable("the run must stop"),
      (error: Error) => assert.match(error.message, /LoRA rank 4 is greater than max_lora_rank 2/),
    );
    const types = new Set(events.map(({ type }) => type));
    assert.not.ok(types.has("turn.sampled"));
    assert.not.ok(types.has("reward.assigned"));
  } finally {
    await engine.close();
  }
});

test("a server that is lost for good stops the run, and rewards nothing", async () => {
  const engine = new TestEngineServer({ server: "vllm", model });
  const events: EventEnvelope[] = [];
  try {
    const config = engineConfig({ url: await engine.open(), directory, attemptsMax: 1 });
    let turns = 0;
    engine.fault = (path) => {
      if (path !== "/inference/v1/generate" || turns++ < 8) return null;
      return { kind: "status", status: 400, body: JSON.stringify({ error: { message: "lost" } }) };
    };
    await complete(config, { onEvent: (event) => events.push(event) }).then(
      () => assert.unreachable("the run must stop"),
      (error: Error) => assert.match(error.message, /generate: status 400 \(lost\)/),
    );
    const sampled = new Set(
      events.filter(({ type }) => type === "trajectory.ended").map(({ stream }) => stream),
    );
    for (const { type, data } of events) {
      if (type !== "reward.assigned") continue;
      assert.ok(sampled.has((data as EventData<"reward.assigned">).trajectory));
    }
  } finally {
    await engine.close();
  }
});

test("a real server gives the same agreement", async () => {
  if (realUrl === "") {
    process.stdout.write("skipped: VARFT_TEST_ENGINE_URL names no server of models/tiny\n");
    return;
  }
  const config = engineConfig({ url: realUrl, directory, server: realServer });
  const { events } = await complete(config);
  process.stdout.write(`largest difference ${learned(events)} nats\n`);
});

test.run();
