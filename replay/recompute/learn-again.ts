// A step learned again: old log-probs and gradients from its trajectories and a batch of them, by
// the learner's own function.
import {
  advantageOf,
  EvidenceError,
  type LearnedGradient,
  type LearnerState,
  learnSettings,
  learnStep,
  type PolicyOptimizer,
  type PolicyTrainer,
  repricing,
  type Tensors,
  trainingSample,
  type WeighedSample,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { anchorOf, assert, type EventData, type HashName } from "../../events/index.ts";
import type { FoldedTrajectory } from "../fold/index.ts";

export interface LearnAgainOptions<S> {
  readonly config: RunConfig;
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<S>;
  /** The policy that KL is measured to; null without a KL term. */
  readonly reference: Tensors | null;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
}

type Batch = EventData<"batch.assembled">;

/** Learns from `batch`, whose trajectories are all in `trajectories`, beginning with `start`. */
export async function learnAgain<S>(
  options: LearnAgainOptions<S>,
  batch: Batch,
  trajectories: readonly FoldedTrajectory[],
  start: LearnerState<S>,
): Promise<{ readonly state: LearnerState<S>; readonly gradients: readonly LearnedGradient[] }> {
  const { config, trainer, optimizer, reference } = options;
  const parts = { trainer, optimizer, reference, settings: learnSettings(config) };
  const extras = {
    reprice: repricing(batch, config.learner.advantage),
    played: await playedPolicy(options, batch),
  };
  return learnStep(parts, batch.step, start, minibatchesOf(batch, trajectories), extras);
}

/** The policy that KL is measured to in the run that `started`; null without a KL term. */
export async function referencePolicy<S>(
  { config, trainer, readBlob }: Omit<LearnAgainOptions<S>, "reference">,
  started: EventData<"run.started">,
): Promise<Tensors | null> {
  const anchor = config.learner.kl.type === "none" ? null : await readBlob(anchorOf(started));
  return anchor && trainer.decodePolicy(anchor);
}

/** The policy that a step was played with, where a policy lag makes that another one. */
async function playedPolicy<S>(
  { trainer, readBlob }: LearnAgainOptions<S>,
  { policy, playedPolicy: name }: Batch,
): Promise<Tensors | null> {
  if (name === undefined || name === policy) return null;
  const bytes = await readBlob(name);
  if (bytes === null) throw new EvidenceError(`the policy ${name} is not stored`);
  return trainer.decodePolicy(bytes);
}

function minibatchesOf(batch: Batch, trajectories: readonly FoldedTrajectory[]): WeighedSample[][] {
  const byStream = new Map(trajectories.map((one) => [one.stream, one]));
  return batch.minibatches.map((members) =>
    Array.from(members, (index) => {
      const stream = batch.trajectories[index];
      const one = byStream.get(stream ?? "");
      if (one === undefined) throw new EvidenceError(`the batch names ${stream}, not of its step`);
      assert(one.context !== undefined, "a trajectory was folded");
      return { sample: trainingSample(one.context), advantage: advantageOf(batch, index) };
    }),
  );
}
