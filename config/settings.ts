// A run's configuration as the actors take it. Sections that carry the actors' own names (limits,
// schedule, reward weights) are handed over as they are.
import type { Sampling } from "../events/index.ts";
import type { RunConfig } from "./run-schema.ts";

type Moment = RunConfig["evaluation"]["sets"][number]["when"][number];

/** What the plan of a run depends on. */
export function planSettings({ run, rollout, evaluation }: RunConfig) {
  const sets = (moment: Moment) =>
    evaluation.sets
      .filter(({ when }) => when.includes(moment))
      .map(({ name, set, tasks, tasksPerEvent, samples, greedy, tools, mode }) => {
        const { temperature } = rollout;
        const sampling: Sampling = { temperature, greedy, tools, ...(mode && { mode }) };
        return { name, set, tasks, tasksPerEvent, samples, sampling };
      });
  return {
    steps: run.steps,
    evaluations: {
      before: sets("before"),
      after: sets("after"),
      everySteps: evaluation.everySteps,
      every: sets("every"),
    },
  };
}

/** How the trajectories of a training step are sampled. */
export function trainingSampling({ rollout }: RunConfig): Sampling {
  return { temperature: rollout.temperature, greedy: false, tools: true };
}

/** How a batch is assembled. */
export function batchSettings({ run, rollout, learner }: RunConfig) {
  const { minibatches, shuffle, kl, shuffleAdvantages, advantage, maskTruncated } = learner;
  return {
    seed: run.seed,
    advantage,
    minibatches,
    shuffle,
    kl,
    shuffleAdvantages,
    overlong: learner.overlong ?? null,
    maskTruncated,
    /** With oversampling, groups beyond these are left out. */
    groupsMax: rollout.prompts,
  };
}

/** How the learning rate goes. */
export function scheduleSettings({ run, learner }: RunConfig) {
  const { learningRate, warmupSteps, finalShare, decay = "linear" } = learner;
  return { learningRate, warmupSteps, finalShare, decay, steps: run.steps };
}
