// Whole runs over the in-memory bus and ledger, with real hosts and a policy that really learns.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference, type RunResult } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  RetryableError,
} from "../../events/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, type TinyOptions, tinyConfig } from "./tiny-run.ts";
import { tinyRunner, tinySampler } from "./tiny-world.ts";

const test = suite("a whole run");

/** Runs to the end. */
async function complete(options: TinyOptions = {}) {
  const run = await startTinyRun(options);
  try {
    const end = await run.head.done;
    return { end, result: await run.result(), events: run.events };
  } finally {
    await run.close();
  }
}

let undisturbed: Promise<RunResult> | null = null;
const reference = () => {
  undisturbed ??= complete().then(({ result }) => result);
  return undisturbed;
};

const summaries = (events: readonly EventEnvelope[]) =>
  events
    .filter(({ type }) => type === "evaluation.completed")
    .map(({ data }) => data as EventData<"evaluation.completed">);

const gradients = (events: readonly EventEnvelope[]) =>
  events
    .filter(({ type }) => type === "gradient.computed")
    .map(({ data }) => data as EventData<"gradient.computed">);

/** Fails where `result` is not that of an undisturbed run. */
async function sameAsUndisturbed(result: RunResult): Promise<void> {
  assert.is(firstDifference(await reference(), result), null);
}

test("walks its plan to the end and gets better at what it is paid for", async () => {
  const { end, events } = await complete({ config: tinyConfig({ steps: 12, tasks: 40 }) });
  assert.is(end.steps, 12);
  const [before, after, noTool] = summaries(events);
  assert.ok((before?.summary.em ?? 100) < 40, `before: ${before?.summary.em}`);
  assert.ok((after?.summary.em ?? 0) >= 85, `after: ${after?.summary.em}`);
  assert.ok((noTool?.summary.em ?? 100) < 60, `without tools: ${noTool?.summary.em}`);
  for (const { mismatchMax } of gradients(events)) assert.is(mismatchMax, 0);
});

test("gives the same result twice", async () => {
  await sameAsUndisturbed((await complete()).result);
});

test("gives the same result with two Rollout workers and other batch sizes", async () => {
  const samplers = [tinySampler({ rowsMax: 3 }), tinySampler({ rowsMax: 7 })];
  await sameAsUndisturbed((await complete({ samplers })).result);
});

test("stopped and resumed anywhere, it gives the same result", async () => {
  const disk = new MemoryDisk();
  // So many events of each life are seen before it is stopped; 0: stopped as soon as it has begun.
  for (const seen of [0, 9, 120, 1, 170, 201, 83]) {
    const run = await startTinyRun({ disk });
    let over = false;
    void run.head.done.then(() => {
      over = true;
    });
    while (run.events.length < seen) {
      assert.not.ok(over, "it was to be stopped before its end");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await run.close();
  }
  await sameAsUndisturbed((await complete({ disk })).result);
});

test("a finished run is finished when it is opened again", async () => {
  const disk = new MemoryDisk();
  await complete({ disk });
  const { end } = await complete({ disk });
  assert.is(end.steps, 4);
});

test("the groups of a worker that dies go to another", async () => {
  let killed: Promise<void> | null = null;
  const { result } = await complete({
    samplers: [tinySampler(), tinySampler()],
    onEvent(event, run) {
      if (killed === null && event.type === "tool.called" && event.stream.includes("/2.")) {
        killed = run.kill("rollout-1");
      }
    },
  });
  assert.ok(killed !== null);
  await sameAsUndisturbed(result);
});

test("a learner that dies in the middle of a step is replaced", async () => {
  let killed = 0;
  const { result } = await complete({
    onEvent({ type, data }, run) {
      if (type !== "batch.assembled") return;
      const { step } = data as EventData<"batch.assembled">;
      if (step !== 2 && step !== 4) return;
      killed += 1;
      void run.kill("learner").then(() => run.startLearner());
    },
  });
  assert.is(killed, 2);
  await sameAsUndisturbed(result);
});

test("a head that starts again finds its workers and what they did meanwhile", async () => {
  let restart: Promise<void> | null = null;
  const run = await startTinyRun({
    samplers: [tinySampler(), tinySampler()],
    onEvent(event, self) {
      if (restart !== null || event.type !== "tool.called") return;
      if (event.stream.includes("/2.")) restart = self.restartHead();
    },
  });
  try {
    while (restart === null) await new Promise((resolve) => setTimeout(resolve, 1));
    await restart;
    await run.head.done;
    await sameAsUndisturbed(await run.result());
  } finally {
    await run.close();
  }
});

test("a worker that keeps an old policy stops the run at once", async () => {
  const run = await startTinyRun({ samplers: [tinySampler({ stale: true })] });
  try {
    await run.head.done.then(
      () => assert.unreachable("the run must stop"),
      (error: Error) => assert.match(error.message, /policy mismatch/),
    );
    const updates = run.events.filter(({ type }) => type === "policy.updated");
    assert.is(updates.length, 1);
  } finally {
    await run.close();
  }
});

test("a lost engine is asked again and leaves no trace", async () => {
  let failures = 0;
  const runner = tinyRunner(() => {
    if (failures++ < 2) throw new RetryableError("engine-lost", "the engine went away");
  });
  await sameAsUndisturbed((await complete({ runner })).result);
  assert.ok(failures > 2);
});

test("equal programs on equal images are executed once", async () => {
  const runner = tinyRunner();
  await complete({ runner });
  assert.ok(runner.executions <= 6, `${runner.executions} executions`);
});

test("a worker of another numeric class is refused", async () => {
  const run = await startTinyRun();
  try {
    await run.startRollout("stranger", tinySampler(), "gpu");
    await run.head.done;
    assert.match(String(run.failures[0]), /another numeric class/);
    assert.not.ok(run.head.workers().includes("stranger"));
  } finally {
    await run.close();
  }
});

test("another seed gives another result", async () => {
  const { result } = await complete({ config: tinyConfig({ seed: 4 }) });
  assert.is.not(firstDifference(await reference(), result), null);
});

test("a run is not resumed with another config", async () => {
  const disk = new MemoryDisk();
  const first = await startTinyRun({ disk });
  await first.close();
  await startTinyRun({ disk, config: tinyConfig({ steps: 5 }) }).then(
    () => assert.unreachable("must be refused"),
    (error: Error) => assert.match(error.message, /another config/),
  );
});

test("a run is not resumed with another build", async () => {
  const disk = new MemoryDisk();
  const first = await startTinyRun({ disk });
  await first.close();
  await startTinyRun({ disk, device: "another-cpu" }).then(
    () => assert.unreachable("must be refused"),
    (error: Error) =>
      assert.match(error.message, /another numeric class \(device: another-cpu, not/),
  );
});

test("with a KL term the run learns as well", async () => {
  const { events } = await complete({ config: tinyConfig({ steps: 2, klCoefficient: 0.001 }) });
  const last = gradients(events).at(-1);
  assert.ok((last?.kl ?? 0) > 0);
});

/** Other ways to learn, each of which has to get somewhere. */
const ways: Readonly<Record<string, Partial<RunConfig["learner"]>>> = {
  "GRPO by sequence": { loss: { type: "grpo" }, advantage: { type: "std" } },
  "Dr. GRPO, leave-one-out": {
    loss: { type: "dr-grpo", tokensMax: 4 },
    advantage: { type: "leave-one-out" },
  },
  "GSPO, weights by sequence": {
    loss: { type: "gspo" },
    importance: { type: "sequence", cap: 2 },
    advantage: { type: "batch-std" },
  },
  "CISPO, GDPO": { loss: { type: "cispo" }, clipLow: 1, clipHigh: 3, advantage: { type: "gdpo" } },
  "GiGPO, masked": {
    advantage: { type: "gigpo", discount: 0.95, weight: 1, std: false },
    maskTruncated: true,
  },
  "KL in the reward": { kl: { type: "k1-reward", coefficient: 0.001 } },
  "k2 in the loss": { kl: { type: "k2", coefficient: 0.001 } },
};

for (const [name, changes] of Object.entries(ways)) {
  test(`${name}: gets better at what it is paid for`, async () => {
    const { learner, ...rest } = tinyConfig({ steps: 12, tasks: 40 });
    const config = { ...rest, learner: { ...learner, ...changes } };
    const [before, after] = summaries((await complete({ config })).events);
    assert.ok((before?.summary.em ?? 100) < 40, `before: ${before?.summary.em}`);
    assert.ok((after?.summary.em ?? 0) >= 70, `after: ${after?.summary.em}`);
  });
}

test("groups without spread are replaced by others that were played", async () => {
  const { rollout, ...rest } = tinyConfig({ steps: 6 });
  const { events } = await complete({
    config: { ...rest, rollout: { ...rollout, prompts: 4, oversampling: 1.5 } },
  });
  const batches = dataOf(events, "batch.assembled");
  for (const batch of batches) {
    const learned = batch.minibatches.reduce((sum, { length }) => sum + length, 0) / 6;
    const withSpread = 6 - batch.droppedGroups.length;
    assert.is(batch.trajectories.length, 36);
    assert.is(learned, Math.min(4, withSpread));
    assert.is(batch.surplusGroups?.length ?? 0, withSpread - learned);
  }
  assert.ok(batches.some(({ surplusGroups }) => surplusGroups !== undefined));
});

/** The run with rollouts by a policy that lies two steps behind, and evaluations on the way. */
function laggingConfig() {
  const { rollout, evaluation, ...rest } = tinyConfig({ steps: 6 });
  const sets = evaluation.sets.map((set) => ({ ...set, when: [...set.when, "every" as const] }));
  const lagging = { ...rollout, policyLag: 2 };
  return { ...rest, rollout: lagging, evaluation: { ...evaluation, sets, everySteps: 2 } };
}

const dataOf = <T extends EventType>(events: readonly EventEnvelope[], wanted: T) =>
  events.filter(({ type }) => type === wanted).map(({ data }) => data as EventData<T>);

test("with a policy lag, step n is played with the policy of step n − 1 − lag", async () => {
  const { end, events } = await complete({ config: laggingConfig() });
  const updates = dataOf(events, "policy.updated");
  const made = [updates[0]?.policyBefore, ...updates.map(({ policyAfter }) => policyAfter)];
  assert.is(new Set(made).size, 7);
  const planned = dataOf(events, "step.planned").map(({ policy }) => policy);
  assert.equal(
    planned,
    [0, 0, 0, 1, 2, 3].map((step) => made[step]),
  );
  // What is learned goes on from the newest, and so do evaluations.
  const batches = dataOf(events, "batch.assembled");
  assert.equal(
    batches.map(({ policy }) => policy),
    made.slice(0, 6),
  );
  assert.equal(
    batches.map(({ playedPolicy }) => playedPolicy),
    planned,
  );
  const evaluated = dataOf(events, "evaluation.planned").map(({ policy }) => policy);
  assert.equal(
    evaluated,
    [0, 2, 2, 4, 4, 6, 6].map((step) => made[step]),
  );
  assert.is(end.policy, made[6]);
  // Sampler and learner agree about the policy that played.
  for (const { mismatchMax } of gradients(events)) assert.is(mismatchMax, 0);
});

test("with a policy lag, a learner that dies and a run that is resumed change nothing", async () => {
  const config = laggingConfig();
  const { result: wanted } = await complete({ config });
  const disk = new MemoryDisk();
  const run = await startTinyRun({ config, disk });
  while (run.events.length < 400) await new Promise((resolve) => setTimeout(resolve, 1));
  await run.close();
  let killed = 0;
  const { result } = await complete({
    config,
    disk,
    onEvent({ type }, self) {
      if (type !== "batch.assembled" || killed > 0) return;
      killed += 1;
      void self.kill("learner").then(() => self.startLearner());
    },
  });
  assert.is(killed, 1);
  assert.is(firstDifference(wanted, result), null);
});

test.run();
