// Goal: a run that is stopped while a step is being judged and goes on asks the world again only
// about what was not recorded, and ends with the rewards that were.
// Method: a reward module that counts how often it is asked; a head that ends after it has judged.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { restoreRunConfig } from "../../config/index.ts";
import type { EventData, EventEnvelope } from "../../events/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, TinyRun, tinyConfig } from "./tiny-run.ts";

const test = suite("a run is judged once");
const globals = globalThis as unknown as { varftAsked?: string[] };
/** Trajectories of a step. */
const ofStep = 6 * 6;

for (const policyLag of [0, 1]) {
  const played = policyLag + 1;
  test(`what was judged before a stop, ${played} steps, is not asked about again`, () =>
    isJudgedOnce(policyLag));
}

async function isJudgedOnce(policyLag: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "varft-judged-"));
  const path = join(folder, "counting.mjs");
  await writeFile(
    path,
    "export const reward = ({ trajectory }) => globalThis.varftAsked.push(trajectory) / 1000;",
  );
  const base = tinyConfig({ steps: 3, tasks: 4 });
  const config = restoreRunConfig({
    ...base,
    rollout: { ...base.rollout, policyLag },
    reward: { f1: 1, modules: [{ name: "counting", weight: 1, path }] },
    evaluation: {},
  });
  const disk = new MemoryDisk();
  const rewards = new Map<string, number>();
  const note = ({ type, data }: EventEnvelope) => {
    if (type !== "reward.assigned") return;
    const { trajectory, components } = data as EventData<"reward.assigned">;
    rewards.set(trajectory, components[1]?.value ?? 0);
  };
  const asked: string[] = [];
  globals.varftAsked = asked;
  try {
    // Without a learner the first step is played and judged, with those that the lag allows ahead,
    // and the run waits.
    const first = new TinyRun({ disk, config, onEvent: note });
    await first.startHead();
    await first.startRollout("rollout-0");
    const judged = (1 + policyLag) * ofStep;
    while (rewards.size < judged) await new Promise((resolve) => setTimeout(resolve, 1));
    await first.close();
    assert.is(asked.length, judged);
    const second = await startTinyRun({ disk, config, onEvent: note });
    await second.head.done;
    await second.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  assert.is(asked.length, 3 * ofStep, "each trajectory was asked about once");
  assert.is(new Set(asked).size, 3 * ofStep);
  for (const [trajectory, value] of rewards) {
    assert.is(value, (asked.indexOf(trajectory) + 1) / 1000, trajectory);
  }
}

test.run();
