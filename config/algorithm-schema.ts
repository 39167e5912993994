// The keys of `[learner]` that say what is learned from a batch: loss, advantages, KL, importance
// weights, length. docs/algorithms.md gives the formula of each choice, and its source.
import { z } from "zod";

const count = (max: number) => z.int().min(1).max(max);
const positive = z.number().positive();
const share = z.number().min(0).max(1);

/** Sampled tokens of a trajectory, at most: 64 turns of a whole context. */
const sampledTokensMax = 64 * 131_072;
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
export function groupsPlayed({
  rollout,
}: {
  readonly rollout: { readonly prompts: number; readonly oversampling: number };
}): number {
  return Math.ceil(rollout.prompts * rollout.oversampling);
}
