// The keys of `[learner]` that say what is learned from a batch: loss, advantages, KL, importance
// weights, length. docs/algorithms.md gives the formula of each choice, and its source.
import { z } from "zod";
import { rewardNames } from "./reward-schema.ts";
import type { RunConfig } from "./run-schema.ts";

const count = (max: number) => z.int().min(1).max(max);
const positive = z.number().positive();
const share = z.number().min(0).max(1);

/** Sampled tokens of a trajectory, at most: 64 turns of a whole context. */
const sampledTokensMax = 64 * 131_072;
/** One event names the advantage of every turn of a step (`gigpo`). */
const turnsPerStepMax = 16_384;
/** One request names every part of every reward of a step (`gdpo`), and has 768 KiB at most. */
const rewardPartsPerStepMax = 12_288;
/** What an importance ratio is cut off at, or left out beyond. */
const ratioMax = 1_000;

/** How the terms of tokens are put together, and which ratio is clipped. */
const loss = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("dapo") }),
  z.strictObject({ type: z.literal("grpo") }),
  z.strictObject({
    type: z.literal("dr-grpo"),
    /** The constant that stands for the length of every sequence. */
    tokensMax: count(sampledTokensMax),
  }),
  z.strictObject({ type: z.literal("gspo") }),
  z.strictObject({ type: z.literal("cispo") }),
]);

/** What a reward is compared with, and what the difference is divided by. */
const advantage = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("fixed"), scale: positive }),
  z.strictObject({ type: z.literal("std") }),
  z.strictObject({ type: z.literal("batch-std") }),
  z.strictObject({ type: z.literal("leave-one-out") }),
  z.strictObject({ type: z.literal("gdpo") }),
  z.strictObject({
    type: z.literal("gigpo"),
    /** γ: what a reward is worth a turn earlier. */
    discount: share.default(0.95),
    /** ω: the weight of a turn's advantage beside its trajectory's. */
    weight: z.number().min(0).max(100).default(1),
    /** Whether differences are divided by the standard deviation: see docs/algorithms.md. */
    std: z.boolean().default(false),
  }),
]);

const coefficient = positive.max(100);

/** The KL term; all but `none` need the policy that the run starts from. */
const kl = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("none") }),
  z.strictObject({ type: z.literal("k3"), coefficient }),
  z.strictObject({ type: z.literal("k2"), coefficient }),
  z.strictObject({ type: z.literal("k1-reward"), coefficient }),
]);

const cap = positive.max(ratioMax).default(2);
const band = { low: z.number().min(0).max(1), high: z.number().min(1).max(ratioMax) };

/** The weight of tokens between sampler and learner. */
const importance = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("token"), cap }),
  z.strictObject({ type: z.literal("token-mask"), ...band }),
  z.strictObject({ type: z.literal("sequence"), cap }),
  z.strictObject({ type: z.literal("sequence-mask"), ...band }),
  z.strictObject({ type: z.literal("geometric-mask"), ...band }),
]);

/** DAPO's punishment of length, in tokens that the model sampled. */
const overlong = z.strictObject({
  /** Longer ones are punished in full. */
  tokensMax: count(sampledTokensMax),
  /** So many tokens before that the punishment begins. */
  cacheTokens: count(sampledTokensMax),
  /** What it weighs beside the reward. */
  weight: positive.max(100).default(1),
});

export const algorithmKeys = {
  loss: loss.prefault({ type: "dapo" }),
  /** Ratios are clipped to [1 − low, 1 + high]. */
  clipLow: share,
  clipHigh: positive,
  advantage,
  kl: kl.prefault({ type: "none" }),
  importance: importance.prefault({ type: "token" }),
  overlong: overlong.optional(),
  /** Trajectories that a limit has cut off carry no loss; they still count in their group. */
  maskTruncated: z.boolean().default(false),
  /** How the rate falls to its final share; left out: linearly. */
  decay: z.enum(["linear", "cosine"]).optional(),
} as const;

/** Groups that are played for each one that is learned from, at most. */
const oversamplingMax = 8;
/** Steps that the policy of rollouts may lie behind. */
export const policyLagMax = 8;

/** Of `[rollout]`: what is played for a step, and with which policy. */
export const batchKeys = {
  /**
   * DAPO's dynamic sampling: so many times `prompts` are played, the first with spread are kept.
   */
  oversampling: z.number().min(1).max(oversamplingMax).default(1),
  /** Step n is played with the policy of step n − 1 − lag; 0: with the newest. */
  policyLag: z.int().min(0).max(policyLagMax).default(0),
} as const;

/** Groups that are played in a step. */
export function groupsPlayed({ rollout }: Pick<RunConfig, "rollout">): number {
  return Math.ceil(rollout.prompts * rollout.oversampling);
}

type Fault = readonly [path: readonly string[], message: string];

/** Choices that do not go together, and keys that would have no effect. */
export function algorithmContradictions(config: RunConfig): Fault[] {
  const { learner, rollout } = config;
  const faults: Fault[] = [];
  if (learner.decay !== undefined && learner.finalShare === 1) {
    const message = "has no effect: final_share = 1 keeps the rate constant";
    faults.push([["learner", "decay"], message]);
  }
  if (rollout.oversampling > 1 && learner.kl.type !== "none") {
    const message =
      "must be 1 with a KL term: groups without spread are learned from too, and none is replaced";
    faults.push([["rollout", "oversampling"], message]);
  }
  return [
    ...faults,
    ...estimatorContradictions(config),
    ...overlongContradictions(config),
    ...rewardKlContradictions(config),
  ];
}

/** What messages and events can hold of a step, and what goes with advantages of turns. */
function estimatorContradictions(config: RunConfig): Fault[] {
  const { learner, rollout, reward } = config;
  const { type } = learner.advantage;
  const faults: Fault[] = [];
  const trajectories = groupsPlayed(config) * rollout.samples;
  const parts = trajectories * (rewardNames(reward).length + reward.modules.length);
  if (type === "gdpo" && parts > rewardPartsPerStepMax) {
    const message = `"gdpo" is possible up to ${rewardPartsPerStepMax} parts of rewards a step: ${parts}`;
    faults.push([["learner", "advantage"], message]);
  }
  if (type !== "gigpo") return faults;
  const turns = trajectories * rollout.turnsMax;
  if (turns > turnsPerStepMax) {
    const message = `"gigpo" is possible up to ${turnsPerStepMax} turns a step: ${turns}`;
    faults.push([["learner", "advantage"], message]);
  }
  if (learner.loss.type === "gspo") {
    const message = '"gspo" gives all turns of a trajectory their mean, so "gigpo" has no effect';
    faults.push([["learner", "loss"], message]);
  }
  if (learner.shuffleAdvantages) {
    const message = 'has no meaning with "gigpo": turns cannot be exchanged';
    faults.push([["learner", "shuffleAdvantages"], message]);
  }
  return faults;
}

function overlongContradictions({ learner: { overlong: limit }, rollout }: RunConfig): Fault[] {
  if (limit === undefined) return [];
  const { tokensMax, cacheTokens } = limit;
  if (cacheTokens > tokensMax) {
    const message = `is more than tokens_max (${tokensMax})`;
    return [[["learner", "overlong", "cacheTokens"], message]];
  }
  const sampled = rollout.turnsMax * rollout.turnTokensMax;
  if (tokensMax - cacheTokens < sampled) return [];
  const message = `has no effect: a trajectory samples ${sampled} tokens at most`;
  return [[["learner", "overlong"], message]];
}

/** What k1 in the reward needs: plain rewards, and the log-probs of every trajectory. */
function rewardKlContradictions({ learner }: RunConfig): Fault[] {
  if (learner.kl.type !== "k1-reward") return [];
  const faults: Fault[] = [];
  const { type } = learner.advantage;
  if (type === "gdpo" || type === "gigpo") {
    const message = `"k1-reward" needs an advantage of whole rewards, not "${type}"`;
    faults.push([["learner", "kl"], message]);
  }
  if (learner.maskTruncated) {
    const message = 'must be false with kl = "k1-reward": it needs every trajectory\'s log-probs';
    faults.push([["learner", "maskTruncated"], message]);
  }
  if (learner.shuffleAdvantages) {
    const message = 'must be false with kl = "k1-reward", which computes them again';
    faults.push([["learner", "shuffleAdvantages"], message]);
  }
  return faults;
}
