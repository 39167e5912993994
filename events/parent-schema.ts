// Where a run parted from another one, as the first event of a fork says it.
import { z } from "zod";
import { count, hash } from "./schema-parts.ts";

/** Goes on from a step: with its policy and optimizer, from the next step on. */
const afterStep = z.strictObject({
  type: z.literal("step"),
  /** The last step that is the parent's; 0: what the parent began with. */
  step: count,
  /** Evaluations of the plan before the step after it. */
  evaluations: count,
  /** The policy that the first of all ancestors began with: KL is measured to it. */
  anchor: hash,
  /** The policies before the one that it begins with, the latest first, as far as a lag reaches. */
  earlier: z.array(hash),
  /**
   * Names the blob with the baseline of `reward.correction.baseline_sets`, played by the parent.
   */
  baseline: hash.optional(),
});

/** Continues one trajectory from a turn, several times. */
const beforeTurn = z.strictObject({
  type: z.literal("trajectory"),
  /** `STEP.GROUP.SAMPLE`, or `eN.GROUP.SAMPLE`. */
  trajectory: z.string(),
  /** The first turn that is sampled anew; those before it are the parent's. */
  turn: count,
  /** The policies of those before it, one each. */
  policies: z.array(hash),
  /** Names the blob with the task and the events before the turn. */
  kept: hash,
});

/** Where a run parted from another one, and what it took along. */
export const parent = z.strictObject({
  /** A name and no path: whoever looks for the parent opens its folder. */
  run: z.string().regex(/^[A-Za-z0-9_-]+$/),
  /** The last event of its ledger that is behind the fork, and the chain's hash there, in hex. */
  seq: z.int().positive(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.discriminatedUnion("type", [afterStep, beforeTurn]),
});

/** Where a run parted from another one. */
export type Parent = z.infer<typeof parent>;
