// Measures a trajectory that has ended, from its events alone and the pixels that they name.
import { assert, type HashName, type Task } from "../../events/index.ts";
import { exactMatch, f1 } from "../../tasks/index.ts";
import type { TrajectoryContext } from "../rollout/index.ts";
import type { Outcome } from "./decide.ts";

/** Mean absolute difference of two stored images, 0–255; null where they cannot be compared. */
export type ComparePixels = (image: HashName, reference: HashName) => Promise<number | null>;

/**
 * What a trajectory achieved. Its format is right when every turn was, and the last one answered.
 */
export async function measure(
  trajectory: string,
  context: TrajectoryContext,
  task: Task,
  comparePixels: ComparePixels,
): Promise<Outcome> {
  const { end, calls, images } = context;
  assert(end !== null, `${trajectory} is judged once it has ended`);
  assert(context.task === task.id, `${trajectory} played task ${context.task}, not ${task.id}`);
  const last = images.at(-1);
  const pixelError =
    task.reference === null || last === undefined
      ? null
      : await comparePixels(last, task.reference);
  return {
    trajectory,
    em: exactMatch(end.answer, task.answers),
    f1: f1(end.answer, task.answers),
    format: end.cause === "answered" ? 1 : 0,
    calls,
    pixelError,
  };
}
