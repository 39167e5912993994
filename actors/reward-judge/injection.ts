// The reference's "AID": one trajectory of each group is paid for the teacher's words, which it did
// not say. For comparison only: it credits tokens that had no part in it. Pure.
import { parseTrajectory, RandomStream } from "../../events/index.ts";

/**
 * Whether the trajectory is the one of its group, drawn from the run's seed; in evaluations, none
 * is. The reference draws from 0–7 whatever the size of the group; here it is the group's own.
 */
export function isInjected(trajectory: string, samples: number, seed: number): boolean {
  const name = parseTrajectory(trajectory);
  if (name === null || typeof name.step !== "number") return false;
  const random = new RandomStream(seed, "ground-truth-injection", name.step, name.group);
  return random.integer(samples) === name.sample;
}
