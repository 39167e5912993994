// Goal: whole runs come out as they are recorded, however they were played.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, TinyRun, tinyConfig } from "../actors/tiny-run.ts";
import { tinySampler } from "../actors/tiny-world.ts";
import { algorithms } from "./algorithms.ts";
import { playTiny, replayTiny, type TinyReplay, withDisk } from "./tiny-replay.ts";

const test = suite("replay");

let undisturbed: Promise<MemoryDisk> | null = null;
const finished = () => {
  undisturbed ??= playTiny();
  return undisturbed;
};

/** Replays what `disk` holds; it must be equal. */
async function equal(disk: MemoryDisk, options: TinyReplay = {}) {
  const verdict = await withDisk(disk, (reader) => replayTiny(reader, options));
  assert.equal(verdict.differences, []);
  assert.ok(verdict.ok);
  return verdict;
}

test("a finished run replays equal: folds, plans, rewards, batches, policies", async () => {
  const verdict = await equal(await finished());
  assert.equal([verdict.recompute, verdict.steps, verdict.policies], [false, 4, 4]);
  assert.equal([verdict.differsAt, verdict.hashOnlySteps, verdict.tasksDrawn], [null, 0, true]);
  const { comparisons } = verdict;
  assert.is(comparisons.rewards?.compared, 4 * 36 + 8 + 8 + 20);
  assert.is(comparisons.tasks?.compared, 4);
  assert.is(comparisons.evaluations?.compared, 6);
  assert.is(comparisons.policies?.compared, 4);
  assert.is(comparisons.tokens, undefined);
});

test("it recomputes equal: tokens, log-probs, tools, gradients and their figures", async () => {
  const { comparisons } = await equal(await finished(), { recompute: true });
  const { compared } = comparisons.tokens ?? { compared: 0 };
  assert.ok(compared > 4 * 36, `${compared} turns`);
  assert.ok((comparisons.tools?.compared ?? 0) > 50);
  assert.is(comparisons.losses?.compared, 8);
  assert.is(comparisons.gradients?.compared, 16);
});

test("where a server sampled, its tokens are left alone and gradients are not", async () => {
  const { comparisons } = await equal(await finished(), { recompute: true, server: true });
  assert.is(comparisons.tokens, undefined);
  assert.is(comparisons.losses?.compared, 8);
});

test("a run whose rollouts lie behind replays and recomputes equal", async () => {
  const config = tinyConfig();
  const lagging = { ...config, rollout: { ...config.rollout, policyLag: 1 } };
  const disk = await playTiny({ config: lagging });
  const { comparisons } = await equal(disk, { recompute: true });
  assert.is(comparisons.losses?.compared, 8);
});

for (const [name, learner] of Object.entries(algorithms)) {
  test(`so does a run with ${name}`, async () => {
    const plain = tinyConfig({ steps: 3 });
    const config = { ...plain, learner: { ...plain.learner, ...learner } };
    const { comparisons } = await equal(await playTiny({ config }), { config, recompute: true });
    assert.ok((comparisons.losses?.compared ?? 0) > 0, "something was learned");
  });
}

test("so does a run that plays more groups than it learns from", async () => {
  const plain = tinyConfig({ steps: 3 });
  const config = { ...plain, rollout: { ...plain.rollout, oversampling: 2 } };
  await equal(await playTiny({ config }), { config, recompute: true });
});

test("so does a run of two Rollout workers", async () => {
  const samplers = [tinySampler({ rowsMax: 3 }), tinySampler({ rowsMax: 7 })];
  await equal(await playTiny({ samplers }), { recompute: true });
});

test("so does a run that was stopped and resumed, and every unfinished state of it", async () => {
  const disk = new MemoryDisk();
  for (const seen of [9, 120, 170, 201]) {
    const run = await startTinyRun({ disk });
    while (run.events.length < seen) await new Promise((resolve) => setTimeout(resolve, 1));
    await run.close();
    await equal(disk, { recompute: true });
  }
  await playTiny({ disk });
  const { steps } = await equal(disk, { recompute: true });
  assert.is(steps, 4);
});

test("so does a run that was stopped with steps that are played and not learned", async () => {
  const plain = tinyConfig();
  const config = { ...plain, rollout: { ...plain.rollout, policyLag: 2 } };
  const disk = new MemoryDisk();
  // Without a learner the run plays on as far as the lag allows.
  const run = new TinyRun({ config, disk });
  await run.startHead();
  await run.startRollout("rollout-0");
  const count = (wanted: string) => run.events.filter(({ type }) => type === wanted).length;
  while (count("reward.assigned") < 8 + 3 * 36) await new Promise((done) => setTimeout(done, 1));
  assert.equal([count("step.planned"), count("policy.updated")], [3, 0]);
  await run.close();
  await equal(disk, { config, recompute: true });
  await playTiny({ config, disk });
  const { steps } = await equal(disk, { config, recompute: true });
  assert.is(steps, 4);
});

test("steps without stored gradients are hash only, until the next stored optimizer", async () => {
  const config = tinyConfig();
  const hashes = { ...config, storage: { ...config.storage, gradientBytesMax: 0 } };
  const disk = await playTiny({ config: hashes });
  const plain = await equal(disk, { config: hashes });
  assert.equal([plain.policies, plain.hashOnlySteps], [0, 4]);
  const again = await equal(disk, { config: hashes, recompute: true });
  assert.equal([again.policies, again.hashOnlySteps], [4, 0], "computed gradients lead on");
});

test("a range of steps is compared alone, from the last stored weights before it", async () => {
  for (const [range, steps, rewards] of [
    [{ from: 2, to: 3 }, 2, 2 * 36],
    [{ from: 4 }, 1, 36 + 8 + 20],
    [{ to: 0 }, 0, 8],
  ] as const) {
    const verdict = await equal(await finished(), { ...range, recompute: true });
    assert.is(verdict.steps, steps);
    assert.is(verdict.comparisons.rewards?.compared, rewards);
  }
});

test("a sample computes a share again, and compares all that is cheap", async () => {
  const { comparisons } = await equal(await finished(), { recompute: true, share: 0.25 });
  const all = await equal(await finished(), { recompute: true });
  const [some = 0, whole = 0] = [comparisons.tokens, all.comparisons.tokens].map(
    (tally) => tally?.compared,
  );
  assert.ok(some > 0.1 * whole && some < 0.4 * whole, `${some} of ${whole} turns`);
  assert.is(comparisons.losses?.compared, 2, "one step of four, two minibatches");
  assert.is(comparisons.rewards?.compared, all.comparisons.rewards?.compared);
});

test.run();
