// Runs of the tiny world, judged again.
import { openRewards, playedBefore } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { rejudgeRun, sampleOf } from "../../replay/index.ts";
import { tinyEncoder, tinyEnvironment, tinyOptimizer, tinyTrainer } from "../actors/tiny-world.ts";
import type { Readable } from "./tiny-replay.ts";

export interface TinyRejudge {
  readonly reward?: Partial<RunConfig["reward"]>;
  readonly advantage?: RunConfig["learner"]["advantage"];
  readonly engine?: string;
  readonly share?: number;
  readonly from?: number;
  readonly to?: number;
}

/** Judges a run of the tiny world again; without changes by the reward that it had. */
export function rejudgeTiny(reader: Readable, options: TinyRejudge = {}) {
  const { engine, share = 1, reward, from, to } = options;
  return rejudgeRun<unknown>({
    reader,
    run: "tiny",
    weightsOf: () => ({ trainer: tinyTrainer, optimizer: tinyOptimizer }),
    ...{ from, to },
    async rejudgingOf(_, recorded, { hash }) {
      const { learner, reward: own } = recorded;
      const { advantage = learner.advantage } = options;
      const given = reward === undefined ? own : ({ ...blank, ...reward } as typeof own);
      const config = { ...recorded, reward: given, learner: { ...learner, advantage } };
      const { rewards } = await openRewards({
        config,
        comparePixels: async (image, reference) => (image === reference ? 0 : 100),
        readImage: (name) => reader.blobs.get(name),
        playedBefore: playedBefore(
          (...asked) => reader.readStream(...asked),
          "tiny",
          (name) => reader.blobs.get(name),
        ),
        openDecoder: async () => tinyEncoder(async () => null).decode,
        parseAction: tinyEnvironment.parseAction,
        env: {},
        signal: new AbortController().signal,
      });
      const exact = { trainer: tinyTrainer, optimizer: tinyOptimizer, exact: true };
      return { config, rewards, engine: engine ?? exact, sample: sampleOf(share, hash) };
    },
  });
}

export const blank = { modules: [], groundTruthInjection: "off" as const };
