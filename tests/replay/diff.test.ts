// Goal: two runs part where the first of them did something else, whatever is different about where
// and when they were played; and settings that differ are named.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunConfig } from "../../config/index.ts";
import { diffRuns } from "../../replay/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, tinyConfig } from "../actors/tiny-run.ts";
import { tinySampler } from "../actors/tiny-world.ts";
import { playTiny, withDisk } from "./tiny-replay.ts";

const test = suite("diff");

let first: Promise<MemoryDisk> | null = null;
const plain = () => {
  first ??= playTiny();
  return first;
};

/** The first run beside another one. */
async function beside(other: MemoryDisk) {
  return withDisk(await plain(), (a) =>
    withDisk(other, (b) => diffRuns({ reader: a, run: "tiny" }, { reader: b, run: "tiny" })),
  );
}

const besideConfig = async (config: RunConfig) => beside(await playTiny({ config }));

test("runs with other workers are equal, and the setting is told", async () => {
  const config = tinyConfig();
  const rollout = { ...config.rollout, workers: 2 };
  const samplers = [tinySampler({ rowsMax: 3 }), tinySampler({ rowsMax: 7 })];
  const found = await beside(await playTiny({ config: { ...config, rollout }, samplers }));
  assert.equal([found.equal, found.partsAt], [true, null]);
  assert.equal(found.policies, { equal: 5, a: 5, b: 5 });
  assert.equal(found.settings, [{ key: "rollout.workers", a: "1", b: "2" }]);
});

test("another seed parts at the first plan of a step or the first sampled turn", async () => {
  const { equal, partsAt, settings } = await besideConfig(tinyConfig({ seed: 4 }));
  assert.is(equal, false);
  assert.equal(settings, [{ key: "run.seed", a: "3", b: "4" }]);
  assert.is(partsAt?.a?.type, partsAt?.b?.type);
  assert.match(partsAt?.reason ?? "", / is .* against /);
});

test("another learning rate parts at the first gradient that it steps, not before", async () => {
  const config = tinyConfig();
  const learner = { ...config.learner, learningRate: 6 };
  const { partsAt, policies, settings } = await besideConfig({ ...config, learner });
  assert.equal([partsAt?.stream, partsAt?.streamSeq], ["learner", 2]);
  assert.is(partsAt?.reason, "gradient.computed: learningRate is 6 against 3");
  assert.equal(policies, { equal: 1, a: 5, b: 5 });
  assert.equal(settings, [{ key: "learner.learning_rate", a: "12", b: "6" }]);
});

test("a run that was stopped parts where it has no more events", async () => {
  const disk = new MemoryDisk();
  const run = await startTinyRun({ disk });
  while (run.events.length < 150) await new Promise((resolve) => setTimeout(resolve, 1));
  await run.close();
  const { equal, partsAt, settings } = await beside(disk);
  assert.equal([equal, partsAt?.b, settings], [false, null, []]);
  assert.match(partsAt?.reason ?? "", /^only the first run has /);
});

test.run();
