// Goal: an audit raises no false alarm, whichever way a run learns, and whatever died on the way.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunConfig } from "../../../config/index.ts";
import { tinyConfig } from "../../actors/tiny-run.ts";
import { auditTables, playedRun, tablesOf } from "./forge.ts";

const test = suite("replay/audit: every way");

interface Ways {
  readonly learner?: Partial<RunConfig["learner"]>;
  readonly rollout?: Partial<RunConfig["rollout"]>;
}

const ways: Readonly<Record<string, Ways>> = {
  "the standard deviation of the group": { learner: { advantage: { type: "std" } } },
  "the standard deviation of the batch": { learner: { advantage: { type: "batch-std" } } },
  "leave one out": { learner: { advantage: { type: "leave-one-out" } } },
  GDPO: { learner: { advantage: { type: "gdpo" } } },
  "GiGPO, with masked truncation": {
    learner: {
      advantage: { type: "gigpo", discount: 0.95, weight: 1, std: true },
      maskTruncated: true,
    },
  },
  "KL in the loss": { learner: { kl: { type: "k3", coefficient: 0.01 } } },
  "KL in the reward": { learner: { kl: { type: "k1-reward", coefficient: 0.001 } } },
  "advantages dealt out anew": { learner: { shuffleAdvantages: true } },
  oversampling: { rollout: { prompts: 4, oversampling: 1.5 } },
  "a policy lag": { rollout: { policyLag: 2 } },
};

function noAlarm(record: Parameters<typeof tablesOf>[0]): void {
  const { firstBad, checks } = auditTables(tablesOf(record));
  assert.is(firstBad, null, JSON.stringify(firstBad));
  assert.ok((checks["updates"] ?? 0) > 0);
}

for (const [name, { learner, rollout }] of Object.entries(ways)) {
  test(`${name}: no false alarm`, async () => {
    const tiny = tinyConfig({ steps: 4, tasks: 4 });
    const config = {
      ...tiny,
      learner: { ...tiny.learner, ...learner },
      rollout: { ...tiny.rollout, ...rollout },
    };
    noAlarm(await playedRun({ config }));
  });
}

test("a worker that died and a head that was restarted: no false alarm", async () => {
  const config = tinyConfig({ steps: 3, tasks: 4 });
  const record = await playedRun({ config }, async (run) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await run.kill("rollout-0");
    await run.startRollout("rollout-1");
    await run.restartHead();
  });
  assert.ok(record.events.some(({ type }) => type === "actor.ended"));
  noAlarm(record);
});

test.run();
