// One stage of supervised learning: lessons in, batches of cross-entropy out. The batch of a step
// is a pure function of (seed, stage, step), so that a warm start can be made again byte for byte.
import { RandomStream } from "../../../events/index.ts";
import type { Lesson } from "../../../tasks/index.ts";
import { encodeLesson, type LessonEncoder, type TrainingSequence } from "./encode-lesson.ts";

/** How long a stage learns, and how fast. */
export interface StageSettings {
  readonly steps: number;
  /** Lessons per step. */
  readonly batch: number;
  /** Highest learning rate. */
  readonly learningRate: number;
  /** Steps over which the rate rises from 0. */
  readonly warmupSteps: number;
  /** What is left of the rate at the last step. */
  readonly finalShare: number;
}

/** The learning rate of `step` (from 1): a linear rise, then a linear fall to `finalShare`. */
export function stageRate(settings: StageSettings, step: number): number {
  const { steps, learningRate, warmupSteps, finalShare } = settings;
  if (step < warmupSteps) return (learningRate * step) / warmupSteps;
  const fallen = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return learningRate * (1 - fallen * (1 - finalShare));
}

/** Draws a lesson for a given progress (0–1) of its stage. */
export type DrawLesson = (random: RandomStream, progress: number) => Lesson;

/** The sequences of one step. */
export function lessonsOf(
  encoder: LessonEncoder,
  draw: DrawLesson,
  settings: StageSettings,
  path: { readonly seed: number; readonly stage: string; readonly step: number },
): TrainingSequence[] {
  const random = new RandomStream(path.seed, "lessons", path.stage, path.step);
  const progress = path.step / settings.steps;
  return Array.from({ length: settings.batch }, () =>
    encodeLesson(encoder, draw(random, progress)),
  );
}
