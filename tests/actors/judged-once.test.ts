// Goal: a run that is stopped while a step is being judged and goes on asks the world again only about
// what was not recorded, and ends with the rewards that were.
// Method: a reward module that counts how often it is asked; stops after so many recorded rewards.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { restoreRunConfig } from "../../config/index.ts";
import type { EventData } from "../../events/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, tinyConfig } from "./tiny-run.ts";

const test = suite("a run is judged once");

test("what was judged before a stop is not asked about again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "varft-judged-"));
  const path = join(folder, "counting.mjs");
  await writeFile(
    path,
    `const asked = (globalThis.varftAsked ??= []);
     export const reward = ({ trajectory }) => (asked.push(trajectory), asked.length / 1000);`,
  );
  const base = tinyConfig({ steps: 2, tasks: 4 });
  const config = restoreRunConfig({
    ...base,
    reward: { f1: 1, modules: [{ name: "counting", weight: 1, path }] },
    evaluation: {},
  });
  const disk = new MemoryDisk();
  const rewards = new Map<string, number>();
  try {
    for (const stopAfter of [1, 40, Number.POSITIVE_INFINITY]) {
      let stop = () => {};
      const stopped = new Promise<void>((resolve) => {
        stop = resolve;
      });
      const run = await startTinyRun({
        disk,
        config,
        onEvent({ type, data }) {
          if (type !== "reward.assigned") return;
          const { trajectory, components } = data as EventData<"reward.assigned">;
          assert.not.ok(rewards.has(trajectory), `${trajectory} is judged once`);
          rewards.set(trajectory, components[1]?.value ?? 0);
          if (rewards.size >= stopAfter) stop();
        },
      });
      await Promise.race([stopped, run.head.done]);
      await run.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const { varftAsked: asked } = globalThis as unknown as { varftAsked: string[] };
  assert.is(rewards.size, 2 * 6 * 6);
  assert.is(new Set(asked).size, rewards.size);
  // A step is judged as a whole, so that what was recorded of it is never asked about again.
  for (const [trajectory, value] of rewards) {
    const times = asked.filter((one) => one === trajectory).length;
    const last = asked.lastIndexOf(trajectory) + 1;
    assert.is(value, last / 1000, `${trajectory}, asked ${times} times, keeps what was recorded`);
  }
});

test.run();
