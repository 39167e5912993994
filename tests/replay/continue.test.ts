// Goal: a trajectory is continued from a turn with the same beginning and fresh numbers, through
// the same tools; each continuation is judged, proven and told apart.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Kept, keptOf } from "../../actors/index.ts";
import { continuationRun, type RunConfig } from "../../config/index.ts";
import {
  type EventData,
  type EventEnvelope,
  type HashName,
  hashName,
  parseTrajectory,
} from "../../events/index.ts";
import { forkAtTurn, type TurnFork } from "../../replay/index.ts";
import type { MemoryDisk } from "../../storage/index.ts";
import { recordedSource } from "../../tasks/index.ts";
import { tinyConfig, tinyWorld, type World } from "../actors/tiny-run.ts";
import { auditTables, playedRun, tablesOf } from "./audit/forge.ts";
import { playTiny, replayTiny, withDisk } from "./tiny-replay.ts";

const test = suite("replay/continue");

let played: Promise<MemoryDisk> | null = null;
const parent = () => {
  played ??= playTiny({ config: tinyConfig({ steps: 2 }) });
  return played;
};

type Events = readonly EventEnvelope[];

/** The events of every trajectory of a run, by short name. */
async function trajectoriesOf(disk: MemoryDisk, run: string): Promise<Map<string, Events>> {
  return withDisk(disk, async (reader) => {
    const found = new Map<string, Events>();
    for (const stream of await reader.listStreams(`trajectory/${run}/`)) {
      found.set(stream.slice(`trajectory/${run}/`.length), await reader.readStream(stream));
    }
    return found;
  });
}

/** A trajectory of a step with two turns, a tool call between them. */
async function twoTurns(): Promise<readonly [name: string, events: Events]> {
  for (const [name, events] of await trajectoriesOf(await parent(), "tiny")) {
    const types = events.map(({ type }) => type);
    const isStep = typeof parseTrajectory(`trajectory/tiny/${name}`)?.step === "number";
    if (isStep && types.filter((type) => type === "turn.sampled").length === 2) {
      if (types.includes("tool.returned")) return [name, events];
    }
  }
  throw new Error("no trajectory called a tool: take another seed");
}

const forked = async (trajectory: string, turn: number, policy: HashName | null = null) =>
  withDisk(await parent(), async (reader) => {
    const [first] = await reader.readStream("run/tiny", 1, 1);
    const started = first?.data as EventData<"run.started">;
    const optimizer = Buffer.from("none\n");
    return forkAtTurn({ reader, run: "tiny", started, trajectory, turn, policy, optimizer });
  });

/** What a continuation is played with. */
async function setUp({ start, sampling }: TurnFork, samples: number, overrides: string[] = []) {
  const parentConfig = tinyConfig({ steps: 2 });
  const config = continuationRun(parentConfig, { sampling, samples, overrides });
  const blobs = await withDisk(await parent(), async (reader) => reader.blobs);
  const kept = (await keptOf(start, async (name) => byName(start.blobs, name))) as Kept;
  const readBlob = async (name: HashName) => byName(start.blobs, name) ?? blobs.get(name);
  const world: World = { ...tinyWorld(3), tasks: recordedSource(kept.task, readBlob) };
  return { config, world, fork: { run: "again", start } };
}

function byName(blobs: readonly Uint8Array[], name: HashName): Uint8Array | null {
  return blobs.find((bytes) => hashName(bytes) === name) ?? null;
}

const counted = (events: Events) =>
  events.map(({ type, data }) => {
    const { observed: _, ...rest } = data as Readonly<Record<string, unknown>>;
    return { type, data: rest };
  });

const judgedOf = (disk: MemoryDisk) =>
  withDisk(disk, async (reader) =>
    (await reader.readStream("judge/again")).map(
      ({ data }) => data as EventData<"reward.assigned">,
    ),
  );

async function proves(disk: MemoryDisk, config: RunConfig): Promise<void> {
  const verdict = await withDisk(disk, (reader) =>
    replayTiny(reader, { config, recompute: true, run: "again" }),
  );
  assert.equal(verdict.differences, []);
  assert.ok((verdict.comparisons.tokens?.compared ?? 0) > 0, "new turns are sampled again");
}

test("continuations begin as the trajectory did, and go on each in its own way", async () => {
  const [name, original] = await twoTurns();
  const options = await setUp(await forked(name, 1), 12);
  const disk = await playTiny(options);
  const all = await trajectoriesOf(disk, "again");
  assert.equal(
    [...all.keys()].sort(),
    Array.from({ length: 12 }, (_, sample) => `e0.0.${sample}`).sort(),
  );
  const place = original.findLastIndex(({ type }) => type === "turn.sampled");
  const told = new Set<string>();
  for (const events of all.values()) {
    assert.equal(counted(events).slice(1, place), counted(original).slice(1, place));
    const turn = events.at(place)?.data as EventData<"turn.sampled">;
    told.add(turn.ids.join());
  }
  assert.ok(told.size > 1, "fresh numbers lead to other turns");
  const judged = await judgedOf(disk);
  assert.equal(judged.length, 12);
  await proves(disk, options.config);
  const { firstBad } = auditTables(tablesOf(await playedRun(options)));
  assert.is(firstBad, null, JSON.stringify(firstBad));
});

test("they are the same again, and the first of many is the first of few", async () => {
  const [name] = await twoTurns();
  const fork = await forked(name, 1);
  const [few, many] = [await playTiny(await setUp(fork, 2)), await playTiny(await setUp(fork, 5))];
  const [some, all] = [await trajectoriesOf(few, "again"), await trajectoriesOf(many, "again")];
  for (const [place, events] of some) {
    assert.equal(counted(events), counted(all.get(place) ?? []));
  }
});

test("another temperature and another policy sample on behind the same beginning", async () => {
  const [name, original] = await twoTurns();
  const latest = await withDisk(await parent(), async (reader) => {
    const events = await reader.readStream("learner/tiny");
    const update = events.at(-1)?.data as EventData<"policy.updated"> | undefined;
    return update?.policyAfter ?? null;
  });
  const fork = await forked(name, 1, latest);
  const options = await setUp(fork, 3, ["rollout.temperature=0.5"]);
  const disk = await playTiny(options);
  const began = original[0]?.data as EventData<"trajectory.started"> | undefined;
  const played = began?.policy;
  assert.is.not(played, latest);
  for (const events of (await trajectoriesOf(disk, "again")).values()) {
    const turns = events.filter(({ type }) => type === "turn.sampled");
    const policies = turns.map(({ data }) => (data as EventData<"turn.sampled">).policy);
    assert.equal(policies.slice(0, 2), [played, latest]);
  }
  await proves(disk, options.config);
  const { firstBad } = auditTables(tablesOf(await playedRun(options)));
  assert.is(firstBad, null, JSON.stringify(firstBad));
});

test("from the first turn on nothing is kept but the prompt", async () => {
  const [name] = await twoTurns();
  const options = await setUp(await forked(name, 0), 4);
  await proves(await playTiny(options), options.config);
});

test("limits that would have stopped the trajectory earlier are refused", async () => {
  const [name] = await twoTurns();
  const options = await setUp(await forked(name, 1), 2, ["rollout.calls_max=0"]);
  let message = "";
  await playTiny(options).catch((thrown: Error) => {
    message = thrown.message;
  });
  assert.match(message, "turn 1 would see another context than it did");
});

test("a turn that was not sampled is refused with those that were", async () => {
  const [name] = await twoTurns();
  const messageOf = (trajectory: string, turn: number) =>
    forked(trajectory, turn).then(
      () => "",
      (thrown: Error) => thrown.message,
    );
  assert.match(await messageOf(name, 2), /has no turn 2: it has turns 0 to 1/);
  assert.match(await messageOf("9.0.0", 0), "there is no trajectory 9.0.0 in tiny");
  assert.match(await messageOf("nonsense", 0), "there is no trajectory nonsense in tiny");
});

test.run();
