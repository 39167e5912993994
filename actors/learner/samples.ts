// Training samples: the folded trajectories as the learner's graph wants them, and the order in
// which they are computed.
import { assert, type HashName } from "../../events/index.ts";
import type { TrajectoryContext } from "../rollout/index.ts";
import { cutEvenly } from "./cut-evenly.ts";
import { itemAt } from "./item-at.ts";

/**
 * A trajectory as one sequence: every turn's context extends the last one, so its turns share it.
 * Position i carries loss where `mask[i]` is 1, that is where the model sampled `ids[i]`.
 */
export interface TrainingSample {
  readonly ids: Int32Array;
  readonly images: readonly HashName[];
  readonly mask: Uint8Array;
  /** The sampler's log-probs, one per masked position, nats. */
  readonly sampler: Float32Array;
}

/** The training sample of a trajectory that has ended. */
export function trainingSample(context: TrajectoryContext): TrainingSample {
  assert(context.end !== null, "a trajectory is learned from once it has ended");
  const ids = new Int32Array(context.length);
  const mask = new Uint8Array(context.length);
  const sampler: number[] = [];
  let start = 0;
  for (const segment of context.segments) {
    ids.set(segment.ids, start);
    if (segment.logProbs !== null) {
      mask.fill(1, start, start + segment.ids.length);
      for (const logProb of segment.logProbs) sampler.push(logProb);
    }
    start += segment.ids.length;
  }
  return { ids, images: context.images, mask, sampler: Float32Array.from(sampler) };
}

/**
 * The advantage of each masked position, from the one of the trajectory or from those of its turns.
 * A turn is a run of masked positions: the environment always says something between two turns.
 */
export function tokenAdvantages(
  { mask, sampler }: TrainingSample,
  advantage: number | Float32Array,
): Float32Array {
  const values = new Float32Array(sampler.length);
  if (typeof advantage === "number") return values.fill(advantage);
  let turn = -1;
  let token = 0;
  for (const [index, masked] of mask.entries()) {
    if (masked === 0) continue;
    if (mask[index - 1] !== 1) turn++;
    values[token++] = itemAt(advantage, turn);
  }
  assert(turn === advantage.length - 1, "every turn has its advantage");
  return values;
}

/** The order of a gradient's sum: shards, in each its micro-batches, in each its rows. */
export type GradientPlan = readonly (readonly (readonly number[])[])[];

/**
 * Cuts the rows of a minibatch into logical shards and those into micro-batches of rows of similar
 * length. A pure function of the lengths and the config, never of who computes it (I4).
 * @param lengths tokens per row, in the minibatch's order
 * @param rowsMax rows per micro-batch
 */
export function planGradient(
  lengths: readonly number[],
  shards: number,
  rowsMax: number,
): GradientPlan {
  const rows = lengths.map((_, row) => row);
  return cutEvenly(rows, shards).map((shard) => {
    const byLength = [...shard].sort((a, b) => itemAt(lengths, a) - itemAt(lengths, b) || a - b);
    return cutEvenly(byLength, Math.ceil(byLength.length / rowsMax));
  });
}
