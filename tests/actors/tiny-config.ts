// The configuration of runs of the tiny world.
import { type RunConfig, restoreRunConfig } from "../../config/index.ts";

export interface TinyChanges {
  readonly steps?: number;
  readonly tasks?: number;
  readonly seed?: number;
  readonly klCoefficient?: number;
}

export function tinyConfig(changes: TinyChanges = {}): RunConfig {
  const { steps = 4, tasks = 8, seed = 3, klCoefficient = 0 } = changes;
  return restoreRunConfig({
    determinism: "strict",
    run: { seed, steps },
    model: { directory: "tiny" },
    tune: { type: "full", vision: true },
    tasks: { type: "mini" },
    rollout: {
      workers: 1,
      prompts: 6,
      samples: 6,
      temperature: 1,
      turnsMax: 4,
      callsMax: 2,
      turnTokensMax: 4,
      contextTokensMax: 32,
    },
    learner: {
      learningRate: 12,
      warmupSteps: 2,
      beta2: 0.98,
      gradientNormMax: 1,
      minibatches: 2,
      clipLow: 0.2,
      clipHigh: 0.28,
      advantage: { type: "fixed", scale: 0.5 },
      kl: klCoefficient === 0 ? { type: "none" } : { type: "k3", coefficient: klCoefficient },
      mismatchMax: 1e-4,
      shards: 2,
      microRows: 5,
    },
    reward: { f1: 0.8, format: 0.2, calls: -0.05 },
    evaluation: {
      sets: [
        { name: "sampled", set: "held-out", tasks, greedy: false, when: ["before", "after"] },
        {
          name: "no-tool",
          set: "held-out",
          tasks: 20,
          greedy: true,
          tools: false,
          when: ["after"],
        },
      ],
    },
    search: { type: "bm25", corpus: "mini", hits: 1 },
    storage: { gradientBytesMax: 1_000_000, optimizerEverySteps: 3 },
  });
}
