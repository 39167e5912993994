// The learning rate as a pure function of the step.

/** How the learning rate goes. */
export interface ScheduleSettings {
  readonly learningRate: number;
  /** Steps over which it rises linearly from learningRate / warmupSteps. */
  readonly warmupSteps: number;
  /** What is left of it at the last step, as a share; 1 keeps it constant. */
  readonly finalShare: number;
  /** The way there: a straight line, or half a wave. */
  readonly decay: "linear" | "cosine";
  /** The number of steps of the run. */
  readonly steps: number;
}

/**
 * The learning rate of `step` (from 1): linear warm-up times decay. With progress p from 0 at the
 * first step to 1 at the last and a final share f, the decay is 1 − p (1 − f), or f + (1 − f) (1 +
 * cos πp) / 2 (Loshchilov and Hutter, "SGDR", arXiv 1608.03983, eq. 5). f = 1 / steps is the linear
 * schedule of transformers, which would reach 0 a step after the last.
 */
export function learningRateAt(step: number, settings: ScheduleSettings): number {
  const { learningRate, warmupSteps, finalShare, decay, steps } = settings;
  const rise = warmupSteps > 0 ? Math.min(1, step / warmupSteps) : 1;
  const progress = steps > 1 ? Math.min(1, (step - 1) / (steps - 1)) : 0;
  const fall = decay === "cosine" ? (1 - Math.cos(Math.PI * progress)) / 2 : progress;
  return learningRate * rise * (1 - fall * (1 - finalShare));
}
