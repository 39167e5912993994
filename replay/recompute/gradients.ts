// Steps learned again, and compared: gradients and their figures.
import type { LearnedGradient, LearnerState } from "../../actors/index.ts";
import { type Findings, type FoldedTrajectory, type LearnedStep, unequal } from "../fold/index.ts";
import { type LearnAgainOptions, learnAgain } from "./learn-again.ts";
import { farFigure, gradientTolerance, relativeDistance } from "./tolerance.ts";

export interface GradientsOptions<S> extends LearnAgainOptions<S> {
  readonly exact: boolean;
}

/** Learns a step again and compares what comes out; the weights that it leads to. */
export async function compareGradients<S>(
  options: GradientsOptions<S>,
  learned: LearnedStep,
  trajectories: readonly FoldedTrajectory[],
  start: LearnerState<S>,
  findings: Findings,
): Promise<LearnerState<S>> {
  const again = await learnAgain(options, learned.batch.data, trajectories, start);
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
  derived: LearnedGradient,
): Promise<string | null> {
  const bytes = stored ? await readBlob(gradient) : null;
  if (bytes === null) return null;
  const recorded = optimizer.decodeGradient(bytes);
  const distance = relativeDistance(recorded, optimizer.decodeGradient(derived.bytes));
  if (distance <= gradientTolerance) return null;
  return `the gradient comes out ${distance} of its norm away`;
}
