// Ways to learn, for runs of the tiny world.
import type { RunConfig } from "../../config/index.ts";

/** Choices of the learner, each of which makes another batch, gradient or rate. */
export const algorithms: Readonly<Record<string, Partial<RunConfig["learner"]>>> = {
  "a KL term": { kl: { type: "k3", coefficient: 0.1 } },
  "a KL term in the reward": {
    kl: { type: "k1-reward", coefficient: 0.1 },
    advantage: { type: "leave-one-out" },
  },
  "advantages per turn": {
    advantage: { type: "gigpo", discount: 0.9, weight: 1, std: true },
    loss: { type: "cispo" },
  },
  "advantages per component of the reward": {
    advantage: { type: "gdpo" },
    loss: { type: "gspo" },
    ...{ decay: "cosine", finalShare: 0.1 },
  },
  "length punished and truncation masked": {
    overlong: { tokensMax: 8, cacheTokens: 4, weight: 1 },
    maskTruncated: true,
    loss: { type: "dr-grpo", tokensMax: 16 },
  },
};
