// Goal: a fork goes on exactly as its parent did, from the next step on; with a changed setting it
// parts where it must; and it proves itself as any run does.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, streams } from "../../events/index.ts";
import { diffRuns, type ForkStart, forkAtStep, unlikeParent } from "../../replay/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, tinyConfig } from "../actors/tiny-run.ts";
import { tinyOptimizer, tinyTrainer } from "../actors/tiny-world.ts";
import { auditTables, playedRun, tablesOf } from "./audit/forge.ts";
import { playTiny, type Readable, replayTiny, withDisk } from "./tiny-replay.ts";

const test = suite("replay/fork");

/** What a fork of the run on `disk` begins with. */
function startOf(disk: MemoryDisk, step: number, config: RunConfig, run = "tiny") {
  return withDisk(disk, async (reader) => {
    const [started] = await reader.readStream(streams.run(run), 1, 1);
    return forkAtStep({
      reader,
      run,
      started: started?.data as EventData<"run.started">,
      step,
      config,
      weightsOf: () => ({ trainer: tinyTrainer, optimizer: tinyOptimizer }),
    });
  });
}

const named = (start: ForkStart, run = "fork") => ({ run, start });

interface Forked {
  readonly start: ForkStart;
  readonly disk: MemoryDisk;
}

async function forked(parent: MemoryDisk, step: number, config: RunConfig): Promise<Forked> {
  const start = await startOf(parent, step, config);
  return { start, disk: await playTiny({ config, fork: named(start) }) };
}

const beside = (
  a: MemoryDisk,
  b: MemoryDisk,
  names: readonly [string, string] = ["tiny", "fork"],
) =>
  withDisk(a, (one) =>
    withDisk(b, (other) =>
      diffRuns({ reader: one, run: names[0] }, { reader: other, run: names[1] }),
    ),
  );

let played: Promise<MemoryDisk> | null = null;
const parent = () => {
  played ??= playTiny();
  return played;
};

/** Audited, replayed and recomputed, a run says that nothing is wrong with it. */
async function proves(disk: MemoryDisk, config: RunConfig, steps: number): Promise<void> {
  const verdict = await withDisk(disk, (reader: Readable) =>
    replayTiny(reader, { config, recompute: true, run: "fork" }),
  );
  assert.equal(verdict.differences, []);
  assert.equal([verdict.steps, verdict.policies], [steps, steps]);
}

for (const step of [0, 1, 2, 3]) {
  test(`a fork after step ${step} goes on as its parent did, and proves it`, async () => {
    const config = tinyConfig();
    const { disk, start } = await forked(await parent(), step, config);
    const { equal, partsAt, from, fork, policies, settings } = await beside(await parent(), disk);
    assert.equal([equal, partsAt, settings], [true, null, []]);
    assert.equal(
      [from, fork, policies],
      [step, "b", { equal: 5 - step, a: 5 - step, b: 5 - step }],
    );
    const { at } = start.parent;
    assert.equal([at.type === "step" && at.evaluations], [1]);
    await proves(disk, config, 4 - step);
    const { firstBad, checks } = auditTables(
      tablesOf(await playedRun({ config, fork: named(start) })),
    );
    assert.is(firstBad, null, JSON.stringify(firstBad));
    assert.is(checks["updates"], 4 * (4 - step));
  });
}

test("another learning rate parts at the first gradient after the fork", async () => {
  const plain = tinyConfig();
  const config = { ...plain, learner: { ...plain.learner, learningRate: 6 } };
  const { disk } = await forked(await parent(), 2, config);
  const { partsAt, policies, settings } = await beside(await parent(), disk);
  assert.is(partsAt?.reason, "gradient.computed: learningRate is 12 against 6");
  assert.is(partsAt?.stream, "learner");
  assert.equal(policies, { equal: 1, a: 3, b: 3 });
  assert.equal(settings, [{ key: "learner.learning_rate", a: "12", b: "6" }]);
  await proves(disk, config, 2);
});

test("more steps lead beyond the parent, whose last events are others", async () => {
  const config = tinyConfig({ steps: 6 });
  const { disk } = await forked(await parent(), 3, config);
  const { partsAt } = await beside(await parent(), disk);
  assert.equal([partsAt?.a?.type, partsAt?.b?.type], ["evaluation.planned", "step.planned"]);
  await proves(disk, config, 3);
});

for (const [name, changed] of Object.entries({
  "a policy lag": (config: RunConfig) => ({
    ...config,
    rollout: { ...config.rollout, policyLag: 2 },
  }),
  "a KL term": (config: RunConfig) => ({
    ...config,
    learner: { ...config.learner, kl: { type: "k3" as const, coefficient: 0.1 } },
  }),
})) {
  test(`a fork of a fork of a run with ${name} goes on as the first`, async () => {
    const config = changed(tinyConfig());
    const first = await playTiny({ config });
    const { disk: second } = await forked(first, 2, config);
    const start = await startOf(second, 3, config, "fork");
    const third = await playTiny({ config, fork: named(start, "third") });
    const found = await beside(first, third, ["tiny", "third"]);
    assert.equal([found.equal, found.partsAt, found.from, found.fork], [true, null, 3, null]);
    const again = await beside(second, third, ["fork", "third"]);
    assert.equal([again.equal, again.from, again.fork], [true, 3, "b"]);
    await proves(second, config, 2);
  });
}

test("what a fork says of its parent is held against the parent's ledger", async () => {
  const { disk, start } = await forked(await parent(), 2, tinyConfig({ steps: 3 }));
  const begun = await withDisk(disk, async (reader) => {
    const [first] = await reader.readStream("run/fork", 1, 1);
    return first?.data as EventData<"run.started">;
  });
  const against = async (other: MemoryDisk, change: Partial<EventData<"run.started">> = {}) =>
    withDisk(other, (reader) => unlikeParent(reader, { ...begun, ...change }));
  assert.is(await against(await parent()), null);
  const { policy, optimizer } = begun;
  assert.match(
    (await against(await parent(), { policy: optimizer, optimizer: policy })) ?? "",
    /^policy is recorded as/,
  );
  const moved = { ...start.parent, seq: start.parent.seq - 1 };
  assert.match(
    (await against(await parent(), { parent: moved })) ?? "",
    /^parent\.seq is recorded/,
  );
  const other = await playTiny({ config: tinyConfig({ seed: 4 }) });
  assert.match((await against(other)) ?? "", /^parent\.(seq|hash) is recorded as/);
});

test("a resumed fork ends as if nothing had happened", async () => {
  const config = tinyConfig();
  const start = await startOf(await parent(), 1, config);
  const disk = new MemoryDisk();
  const run = await startTinyRun({ config, disk, fork: named(start) });
  while (run.events.length < 60) await new Promise((resolve) => setTimeout(resolve, 1));
  await run.close();
  await playTiny({ config, disk, fork: named({ ...start, blobs: [] }) });
  assert.is((await beside(await parent(), disk)).equal, true);
});

test("where gradients were too large, the nearest steps are named", async () => {
  const plain = tinyConfig();
  const config = { ...plain, storage: { gradientBytesMax: 0, optimizerEverySteps: 3 } };
  const disk = await playTiny({ config });
  const refused = async (step: number) =>
    startOf(disk, step, config).then(
      () => "",
      (thrown: Error) => thrown.message,
    );
  assert.match(await refused(1), /the optimizer after step 1 was not stored.*fork at step 0 or 3$/);
  assert.match(await refused(4), /nothing is left after step 4: run.steps is 4/);
  assert.match(await refused(5), "tiny has no policy after step 5: it has steps 0 to 4");
  assert.is((await startOf(disk, 3, config)).parent.at.type, "step");
});

test.run();
