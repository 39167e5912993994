// A run whose Docker engine goes away: its calls are repeated for a while, then the run pauses with
// a way to go on; resumed, it ends as if nothing had been. `varft ps` tells what lives meanwhile.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference } from "../../actors/index.ts";
import { askHead, type RunProcesses } from "../../cli/session/processes.ts";
import { sandboxImageTag } from "../../sandbox/index.ts";
import { Dockerd, whyNoDockerd } from "../sandbox/engines/dockerd.ts";
import type { Heard } from "./host-processes.ts";
import { checkpoint, dataOf, eventually, isBuilt, SmallRuns } from "./small-runs.ts";

const whyNot = isBuilt ? whyNoDockerd : `${checkpoint} is not built`;
const test = suite(whyNot === null ? "e2e/lost-engine" : `e2e/lost-engine: skipped, ${whyNot}`);
const runs = await SmallRuns.open();

test.after(() => runs.close());

/** What the head of the run says once it has had a program carried out. */
async function atFirstProgram(name: string, training: Heard): Promise<RunProcesses> {
  const ended = training.ended.then(({ err }) => {
    throw new Error(`the run ended before its first program: ${err}`);
  });
  await Promise.race([runs.bus(name), ended]);
  const { run } = await runs.place(name);
  const told = eventually("a head with a program behind it", async () => {
    const live = await askHead(runs.folder(name), run, {}, 0);
    return (live?.sandbox?.executions ?? 0) > 0 ? live : null;
  });
  return Promise.race([told, ended]);
}

async function assertLive(live: RunProcesses, training: Heard): Promise<void> {
  assert.is(live.head?.pid, training.pid);
  assert.equal(live.workers.map(({ role, state }) => `${role} ${state}`).sort(), [
    "learner alive",
    "rollout alive",
  ]);
  assert.is(live.sandbox?.size, 2);
}

async function ps(name: string, ...words: readonly string[]): Promise<readonly RunProcesses[]> {
  const told = await runs.varft("ps", "--json", "--runs", runs.folder(name), ...words).ended;
  assert.is(told.code, 0, told.err);
  return (JSON.parse(told.out.join("")) as { runs: readonly RunProcesses[] }).runs;
}

/** Of a paused run nobody lives, and what it lost is in its ledger. */
async function assertPaused(name: string, run: string): Promise<void> {
  assert.equal(await ps(name), []);
  const [last] = await ps(name, run);
  assert.is(last?.source, "ledger");
  assert.ok((last?.sandbox?.lost ?? 0) > 0);
  const events = await runs.events(name);
  assert.is(dataOf(events, "sandbox.drained").length, 1);
  assert.ok(dataOf(events, "container.lost").some(({ during }) => during === "start"));
}

async function pauseAndResume(): Promise<void> {
  const [undisturbed, engine] = await Promise.all([
    runs.train("undisturbed").ended,
    sandboxImageTag().then((tag) => Dockerd.open(tag)),
  ]);
  let stop = (): void => {};
  try {
    assert.is(undisturbed.code, 0, undisturbed.err);
    const env = { DOCKER_HOST: `unix://${engine.socket}` };
    const training = runs.trainIn(env, "paused");
    stop = () => training.signal("SIGKILL");
    const live = await atFirstProgram("paused", training);
    await engine.stop("SIGKILL");
    await assertLive(live, training);
    const { code, err } = await training.ended;
    assert.is(code, 1, err);
    assert.match(err, "no runner answered in 4 attempts");
    assert.match(err, `varft train --resume ${live.run}`);
    await assertPaused("paused", live.run);
    await engine.start();
    const words = ["train", "--resume", live.run, "--runs", runs.folder("paused")];
    const resumed = await runs.node(env, "cli/varft.mjs", ...words).ended;
    assert.is(resumed.code, 0, resumed.err);
    assert.equal(await engine.docker.listContainers({ all: true }), []);
  } finally {
    stop();
    await engine.close();
  }
  const wanted = await runs.result("undisturbed");
  assert.is(firstDifference(wanted, await runs.result("paused")), null);
  assert.equal(await runs.leftovers("paused"), []);
}

const name = "an engine that stays away pauses the run, and a resume ends as if undisturbed";
if (whyNot === null) test(name, pauseAndResume);
else test.skip(name, pauseAndResume);

test.run();
