// Steps learned again: old log-probs, gradients and their figures from the recorded trajectories,
// advantages and minibatches, by the learner's own function.
import {
  advantageOf,
  EvidenceError,
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
import { assert, type HashName } from "../../events/index.ts";
import { type Findings, type FoldedTrajectory, type LearnedStep, unequal } from "../fold/index.ts";
import { farFigure, gradientTolerance, relativeDistance } from "./tolerance.ts";

export interface GradientsOptions<S> {
  readonly config: RunConfig;
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<S>;
  /** The policy that KL is measured to; null without a KL term. */
  readonly reference: Tensors | null;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
  readonly exact: boolean;
}

type Learned<S> = Awaited<ReturnType<typeof learnStep<S>>>;

/** Learns a step again and compares what comes out; the weights that it leads to. */
export async function compareGradients<S>(
  options: GradientsOptions<S>,
  learned: LearnedStep,
  trajectories: readonly FoldedTrajectory[],
  start: LearnerState<S>,
  findings: Findings,
): Promise<LearnerState<S>> {
  const { config, trainer, optimizer, reference } = options;
  const parts = { trainer, optimizer, reference, settings: learnSettings(config) };
  const { step } = learned.batch.data;
  const minibatches = minibatchesOf(learned, trajectories);
  const extras = {
    reprice: repricing(learned.batch.data, config.learner.advantage),
    played: await playedPolicy(options, learned),
  };
  const again = await learnStep(parts, step, start, minibatches, extras);
  for (const [index, gradient] of learned.gradients.entries()) {
    const derived = again.gradients[index];
    if (derived === undefined) {
      findings.compare("gradients", gradient, "no such minibatch comes out");
      continue;
    }
    const { stored: _, gradient: name, ...figures } = gradient.data;
    const { gradient: nameAgain, ...figuresAgain } = derived.data;
    const figuresDiffer = unequal(figures, figuresAgain);
    const nameDiffers = unequal({ gradient: name }, { gradient: nameAgain });
    if (options.exact) {
      findings.compare("losses", gradient, figuresDiffer);
      findings.compare("gradients", gradient, nameDiffers);
      continue;
    }
    compareNearly(findings, "losses", gradient, figuresDiffer, farFigure(figures, figuresAgain));
    const far = nameDiffers && (await farGradient(options, gradient.data, derived));
    compareNearly(findings, "gradients", gradient, nameDiffers, far);
  }
  return again.state;
}

/** The policy that a step was played with, where a policy lag makes that another one. */
async function playedPolicy<S>(
  { trainer, readBlob }: GradientsOptions<S>,
  { batch: { data } }: LearnedStep,
): Promise<Tensors | null> {
  const { policy, playedPolicy: name } = data;
  if (name === undefined || name === policy) return null;
  const bytes = await readBlob(name);
  if (bytes === null) throw new EvidenceError(`the policy ${name} is not stored`);
  return trainer.decodePolicy(bytes);
}

function compareNearly(
  findings: Findings,
  kind: "losses" | "gradients",
  place: LearnedStep["gradients"][number],
  differs: string | null,
  far: string | null,
): void {
  if (differs !== null && far === null) findings.near(kind);
  else findings.compare(kind, place, far);
}

/** Null where the recorded gradient is near, or left its hash only. */
async function farGradient<S>(
  { optimizer, readBlob }: GradientsOptions<S>,
  { gradient, stored }: LearnedStep["gradients"][number]["data"],
  derived: Learned<S>["gradients"][number],
): Promise<string | null> {
  const bytes = stored ? await readBlob(gradient) : null;
  if (bytes === null) return null;
  const recorded = optimizer.decodeGradient(bytes);
  const distance = relativeDistance(recorded, optimizer.decodeGradient(derived.bytes));
  if (distance <= gradientTolerance) return null;
  return `the gradient comes out ${distance} of its norm away`;
}

function minibatchesOf(
  { batch: { data } }: LearnedStep,
  trajectories: readonly FoldedTrajectory[],
): WeighedSample[][] {
  const byStream = new Map(trajectories.map((one) => [one.stream, one]));
  return data.minibatches.map((members) =>
    Array.from(members, (index) => {
      const stream = data.trajectories[index];
      const one = byStream.get(stream ?? "");
      if (one === undefined) throw new EvidenceError(`the batch names ${stream}, not of its step`);
      assert(one.context !== undefined, "a trajectory was folded");
      return { sample: trainingSample(one.context), advantage: advantageOf(data, index) };
    }),
  );
}
