// The configuration of a run whose turns are sampled at a server, small enough for a test.
import { join } from "node:path";
import { type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { servedName } from "./engine-server.ts";
import { tinyConfig } from "./tiny-run.ts";

export interface EngineChanges {
  readonly url: string;
  /** Holds the adapters. */
  readonly directory: string;
  readonly server?: "vllm" | "sglang";
  readonly served?: string;
  readonly timeoutMs?: number;
  readonly attemptsMax?: number;
  readonly apiKeyVariable?: string;
}

/** Adapters of rank 4 on models/tiny, turns from the server at `url`. */
export function engineConfig({ url, directory, ...changes }: EngineChanges): RunConfig {
  const { server = "vllm", served = servedName, timeoutMs = 60_000, attemptsMax = 3 } = changes;
  const { apiKeyVariable } = changes;
  const base = tinyConfig({ steps: 3, tasks: 2 });
  return restoreRunConfig({
    ...base,
    determinism: "tolerance",
    model: { directory: "models/tiny" },
    tune: { type: "lora", rank: 4, alpha: 8, vision: false },
    rollout: {
      ...base.rollout,
      prompts: 2,
      samples: 4,
      turnsMax: 3,
      turnTokensMax: 20,
      contextTokensMax: 256,
      engine: {
        type: "openai",
        server,
        url,
        model: served,
        adapters: join(directory, "adapters"),
        requestsMax: 8,
        timeoutMs,
        attemptsMax,
        ...(apiKeyVariable === undefined ? {} : { apiKeyVariable }),
      },
    },
    learner: { ...base.learner, learningRate: 1e-3, microRows: 4 },
  });
}
