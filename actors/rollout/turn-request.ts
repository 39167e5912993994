// What the engine is asked for a turn: the context so far, and random numbers that nobody else has.
import { assert, parseTrajectory, RandomStream, type TrajectoryName } from "../../events/index.ts";
import type { TrajectoryLimits } from "./decide.ts";
import type { Kept } from "./kept.ts";
import type { TrajectoryContext } from "./machine.ts";
import type { TurnRequest } from "./ports.ts";

/** What the numbers of a turn depend on besides its place. */
export interface TurnNumbers {
  readonly seed: number;
  readonly limits: Pick<TrajectoryLimits, "turnTokensMax">;
  /** What is continued; null where everything is new. */
  readonly kept: Pick<Kept, "origin"> | null;
}

/** What the engine is asked for turn `turn`: a pure function of seed, limits and state. */
export function turnRequest(
  { seed, limits, kept }: TurnNumbers,
  stream: string,
  turn: number,
  { segments, length, images }: TrajectoryContext,
): TurnRequest {
  const ids = new Int32Array(length);
  let start = 0;
  for (const segment of segments) {
    ids.set(segment.ids, start);
    start += segment.ids.length;
  }
  const place = placeOf(stream, turn, kept?.origin ?? null);
  const random = new RandomStream(seed, "sample", ...place);
  const uniforms = Float32Array.from({ length: limits.turnTokensMax }, () => random.uniform());
  // 31 bits, for an engine that draws for itself.
  const own = new RandomStream(seed, "sample-seed", ...place).uint32() >>> 1;
  return { ids, images, uniforms, seed: own };
}

/**
 * What names the random numbers of a turn: its place or, in a continuation, that of the trajectory
 * which it continues and the branch that it is.
 */
function placeOf(
  stream: string,
  turn: number,
  origin: TrajectoryName | null,
): readonly (string | number)[] {
  const name = parseTrajectory(stream);
  assert(name !== null, `${stream} is no trajectory`);
  const { step, group, sample } = origin ?? name;
  const branch = origin === null ? [] : [name.sample + 1];
  return [step, group, sample, turn, ...branch];
}
