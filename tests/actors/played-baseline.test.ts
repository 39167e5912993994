// Goal: a reward whose baseline the run plays itself: answers without tools, by the first policy,
// to every task that is trained on, before the first step; recorded, so that it resumes and
// replays.
// Method: the tiny world, and the corrections told again from the events alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { resultOfEvents } from "../../actors/index.ts";
import { type EventData, type EventEnvelope, parseTrajectory } from "../../events/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { rejudgeTiny } from "../replay/tiny-rejudge.ts";
import { replayTiny, withDisk } from "../replay/tiny-replay.ts";
import { baselineConfig, baselineWorld } from "./baseline-world.ts";
import { startTinyRun } from "./tiny-run.ts";

const test = suite("a baseline that the run plays");

const world = baselineWorld;
const config = baselineConfig;

type Reward = EventData<"reward.assigned">;
const dataOf = <T>(events: readonly EventEnvelope[], type: string) =>
  events.filter((one) => one.type === type).map(({ data }) => data as T);

/** Exact match of each task of the baseline, 0–1, from its evaluations' events. */
function baselineOf(events: readonly EventEnvelope[], rewards: readonly Reward[]) {
  const found = new Map<string, number>();
  for (const started of dataOf<EventData<"evaluation.started">>(events, "evaluation.started")) {
    if (started.name !== "bare") continue;
    for (const [group, { id }] of started.tasks.entries()) {
      const own = rewards.filter(({ trajectory }) => {
        const name = parseTrajectory(trajectory);
        return name?.step === `e${started.evaluation}` && name.group === group;
      });
      assert.is(own.length, 2, "two samples of each");
      found.set(id, own.reduce((sum, { em }) => sum + em, 0) / 2);
    }
  }
  return found;
}

const correctionOf = ({ components }: Reward) =>
  components.find(({ name }) => name === "correction");

async function eventsOf(disk: MemoryDisk): Promise<readonly EventEnvelope[]> {
  return withDisk(disk, async (reader) => {
    const events: EventEnvelope[] = [];
    for (let next = 1; ; ) {
      const page = await reader.readAll(next);
      const last = page.at(-1);
      if (last === undefined) return events;
      events.push(...page.map(({ event }) => event));
      next = last.global + 1;
    }
  });
}

async function play(disk: MemoryDisk, given = config()): Promise<void> {
  const run = await startTinyRun({ disk, config: given, world });
  try {
    await run.head.done;
  } finally {
    await run.close();
  }
}

const undisturbed = new MemoryDisk();
test.before(() => play(undisturbed));

test("what a tool was worth is told by the answer to the same task without one", async () => {
  const events = await eventsOf(undisturbed);
  const rewards = dataOf<Reward>(events, "reward.assigned");
  const baseline = baselineOf(events, rewards);
  assert.is(baseline.size, 3 * 6);
  assert.ok(new Set(baseline.values()).size > 1, "some are answered without a tool, some are not");
  const tasks = dataOf<EventData<"step.planned">>(events, "step.planned").map((one) => one.tasks);
  const seen = new Set<number>();
  for (const reward of rewards) {
    const { step, group = 0 } = parseTrajectory(reward.trajectory) ?? {};
    const correction = correctionOf(reward);
    assert.is(correction?.function, "correction@1+evaluation");
    if (typeof step !== "number") {
      assert.is(correction?.value, 0, "evaluations are compared with nothing");
      continue;
    }
    const id = tasks[step - 1]?.[group]?.id ?? "";
    const calls = dataOf<{ readonly calls: number }>(
      events.filter(({ stream }) => stream === reward.trajectory),
      "trajectory.ended",
    )[0]?.calls;
    const expected = calls === 0 ? 0 : reward.em - (baseline.get(id) ?? Number.NaN);
    assert.is(correction?.value, expected, reward.trajectory);
    seen.add(expected);
  }
  assert.ok(seen.size > 2, [...seen].join());
});

test("stopped before, in and after the baseline and resumed, it is the same run", async () => {
  const disk = new MemoryDisk();
  for (const seen of [20, 90, 200, 420]) {
    const run = await startTinyRun({ disk, config: config(), world });
    while (run.events.length < seen) await new Promise((resolve) => setTimeout(resolve, 1));
    await run.close();
  }
  await play(disk);
  const [once, again] = [await eventsOf(undisturbed), await eventsOf(disk)];
  assert.equal(resultOfEvents(again), resultOfEvents(once));
});

test("it replays equal, with the tasks of every part of the baseline drawn again", async () => {
  const verdict = await withDisk(undisturbed, (reader) => replayTiny(reader, { config: config() }));
  assert.equal(verdict.differences, []);
  // Two events each: the evaluations of the tiny run, and three parts of the baseline.
  assert.is(verdict.comparisons.evaluations?.compared, 2 * (3 + 3));
});

test("judged again by its own reward nothing changes: the baseline is read, not played", async () => {
  const own = await withDisk(undisturbed, (reader) => rejudgeTiny(reader));
  assert.equal([own.changed, own.signsFlipped], [0, 0]);
  const group = { f1: config().reward.f1, correction: { weight: 0.5 } };
  const other = await withDisk(undisturbed, (reader) => rejudgeTiny(reader, { reward: group }));
  assert.ok(other.changed > 0);
});

test("a task that the baseline did not ask ends the run, and names it", async () => {
  const disk = new MemoryDisk();
  const reason = await play(disk, config(7)).then(
    () => "it went on",
    ({ message }) => message,
  );
  assert.match(reason, /the task train-\d+ has no baseline: bare .* raise the tasks/);
});

test.run();
