// The learning rate as a pure function of the step.

/** How the learning rate goes. */
export interface ScheduleSettings {
  readonly learningRate: number;
  /** Steps over which it rises linearly from learningRate / warmupSteps. */
  readonly warmupSteps: number;
  /** What is left of it at the last step, as a share; 1 keeps it constant. */
  readonly finalShare: number;
  /** The number of steps of the run. */
  readonly steps: number;
}

/** The learning rate of `step` (from 1): linear warm-up times linear decay. */
export function learningRateAt(step: number, settings: ScheduleSettings): number {
  const { learningRate, warmupSteps, finalShare, steps } = settings;
  const rise = warmupSteps > 0 ? Math.min(1, step / warmupSteps) : 1;
  const progress = steps > 1 ? Math.min(1, (step - 1) / (steps - 1)) : 0;
  return learningRate * rise * (1 - progress * (1 - finalShare));
}
