// Goal: a fork of a run that compares with a baseline of its own playing brings along what that
// came to: it is paid as its parent is, can be forked again, and says so where that baseline is no
// help.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { continuationRun, type RunConfig } from "../../config/index.ts";
import { type EventData, hashName, streams } from "../../events/index.ts";
import { diffRuns, type ForkStart, forkAtStep, unlikeParent } from "../../replay/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { baselineConfig, baselineWorld } from "../actors/baseline-world.ts";
import { startTinyRun, tinyConfig } from "../actors/tiny-run.ts";
import { tinyOptimizer, tinyTrainer } from "../actors/tiny-world.ts";
import { auditTables, playedRun, tablesOf } from "./audit/forge.ts";
import { playTiny, replayTiny, withDisk } from "./tiny-replay.ts";

const test = suite("replay: forks with a played baseline");
const config = baselineConfig();
const world = baselineWorld;

let played: Promise<MemoryDisk> | null = null;
const parent = () => {
  played ??= playTiny({ config, world });
  return played;
};

const startedIn = (disk: MemoryDisk, run: string) =>
  withDisk(disk, async (reader) => {
    const [first] = await reader.readStream(streams.run(run), 1, 1);
    return first?.data as EventData<"run.started">;
  });

const startOf = async (disk: MemoryDisk, step: number, settings: RunConfig, run = "tiny") => {
  const started = await startedIn(disk, run);
  const weightsOf = () => ({ trainer: tinyTrainer, optimizer: tinyOptimizer });
  return withDisk(disk, (reader) =>
    forkAtStep({ reader, run, started, step, config: settings, weightsOf }),
  );
};

const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => "it went on",
    (thrown: Error) => thrown.message,
  );

const baselineOf = ({ parent: { at } }: Pick<ForkStart, "parent">) =>
  at.type === "step" ? at.baseline : undefined;

async function equalTo(a: MemoryDisk, b: MemoryDisk, run: string): Promise<void> {
  const found = await withDisk(a, (one) =>
    withDisk(b, (other) => diffRuns({ reader: one, run: "tiny" }, { reader: other, run })),
  );
  assert.equal([found.equal, found.partsAt], [true, null]);
}

test("a fork is paid by the baseline of its parent, and goes on as that did", async () => {
  const start = await startOf(await parent(), 1, config);
  const fork = { run: "fork", start };
  const disk = await playTiny({ config, world, fork });
  await equalTo(await parent(), disk, "fork");
  const rewards = await withDisk(disk, (reader) => reader.readStream(streams.judge("fork")));
  const corrections = rewards.flatMap(({ data }) =>
    (data as EventData<"reward.assigned">).components.filter(({ name }) => name === "correction"),
  );
  assert.ok(corrections.some(({ value }) => value !== 0));
  assert.is(corrections[0]?.function, "correction@1+evaluation");
  const verdict = await withDisk(disk, (reader) => replayTiny(reader, { config, run: "fork" }));
  assert.equal(verdict.differences, []);
});

test("what it has brought along is evidence: a blob that an audit asks for, held to the parent", async () => {
  const start = await startOf(await parent(), 1, config);
  const name = baselineOf(start);
  assert.ok(name !== undefined && start.blobs.some((bytes) => hashName(bytes) === name));
  const record = await playedRun({ config, world, fork: { run: "fork", start } });
  assert.is(auditTables(tablesOf(record)).firstBad, null);
  record.blobs.delete(name);
  assert.match(auditTables(tablesOf(record)).firstBad?.reason ?? "", `blobs: ${name}: it is not`);
  const begun = record.events[0]?.data as unknown as EventData<"run.started">;
  const against = (given: EventData<"run.started">) =>
    withDisk(parentDisk, (reader) => unlikeParent(reader, given));
  const parentDisk = await parent();
  assert.is(await against(begun), null);
  const at = { ...start.parent.at, baseline: hashName(Buffer.from("better")) };
  const forged = { ...begun, parent: { ...start.parent, at } } as EventData<"run.started">;
  assert.match((await against(forged)) ?? "", /^parent\.at\.baseline is recorded as/);
});

test("a fork of a fork has it, too", async () => {
  const first = await startOf(await parent(), 1, config);
  const second = await playTiny({ config, world, fork: { run: "fork", start: first } });
  const start = await startOf(second, 2, config, "fork");
  assert.is(baselineOf(start), baselineOf(first));
  const third = await playTiny({ config, world, fork: { run: "third", start } });
  await equalTo(await parent(), third, "third");
});

test("a run that is still playing its baseline is forked later", async () => {
  const disk = new MemoryDisk();
  const run = await startTinyRun({ disk, config, world });
  while (run.events.length < 90) await new Promise((resolve) => setTimeout(resolve, 1));
  await run.close();
  assert.match(
    await reasonOf(startOf(disk, 0, config)),
    /^tiny may still be playing its baseline, bare .*: fork it once its first step has begun$/,
  );
});

test("a baseline that nobody played is refused, with what to do instead", async () => {
  const other = await playTiny({ config: tinyConfig({ steps: 3 }) });
  const mend = "name answers to the tasks as reward\\.correction\\.baseline_file$";
  assert.match(
    await reasonOf(startOf(other, 1, config)),
    new RegExp(`^tiny did not play bare .* before its first step: ${mend}`),
  );
  const start = await startOf(await parent(), 1, config);
  const fork = await playTiny({ config, world, fork: { run: "fork", start } });
  const { correction } = config.reward;
  const reward = {
    ...config.reward,
    correction: { ...correction, weight: 0.5, baselineSets: ["sampled"] },
  };
  assert.match(
    await reasonOf(startOf(fork, 2, { ...config, reward }, "fork")),
    new RegExp(`^the fork fork has the baseline of bare and not of sampled; ${mend}`),
  );
  // Without one it compares within the group, and brings nothing.
  const group = { ...config.reward, correction: { weight: 0.5 } };
  assert.is(baselineOf(await startOf(fork, 2, { ...config, reward: group }, "fork")), undefined);
});

test("tasks beyond the parent's have no baseline: the run ends, and says what a fork may do", async () => {
  const settings = baselineConfig(18, 4);
  const start = await startOf(await parent(), 2, settings);
  const reason = await reasonOf(
    playTiny({ config: settings, world, fork: { run: "fork", start } }),
  );
  assert.match(reason, /^the task train-\d+ has no baseline: bare .* a fork has the baseline that/);
});

test("a continued trajectory of such a run is an evaluation, and compared with nothing", async () => {
  const sampling = { temperature: 1, greedy: false, tools: true };
  const continued = continuationRun(config, { sampling, samples: 4, overrides: [] });
  assert.equal(continued.reward.correction, config.reward.correction);
});

test.run();
