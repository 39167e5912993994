// A tiny world whose reward compares with a baseline that the run plays itself.
import type { Environment } from "../../actors/index.ts";
import { type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { tinyConfig, tinyWorld, type World } from "./tiny-run.ts";
import { tinyEnvironment } from "./tiny-world.ts";

const bare = {
  ...{ name: "bare", set: "training", tasks: 3 * 6, tasksPerEvent: 7, samples: 2 },
  ...{ greedy: false, mode: "direct", when: ["before"] },
};

/** Three steps; `sampled` comes before the baseline, and its tasks have none. */
export function baselineConfig(tasks: number = bare.tasks, steps = 3): RunConfig {
  const plain = tinyConfig({ steps });
  return restoreRunConfig({
    ...plain,
    reward: { f1: 0.8, correction: { weight: 0.5, baselineSets: ["bare"] } },
    evaluation: { sets: [...plain.evaluation.sets, { ...bare, tasks }] },
  });
}

/** Asked directly, whatever is said is the answer. */
const environment: Environment = {
  ...tinyEnvironment,
  parseAction: (text, mode) =>
    mode === "direct" ? { kind: "answer", answer: text } : tinyEnvironment.parseAction(text),
};

export const baselineWorld: World = { ...tinyWorld(3), environment };
