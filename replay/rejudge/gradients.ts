// What a step would have learned from other advantages, beside what it did learn.
//
// 1. Both directions begin with the policy that the step began with, and go through its minibatches
//    one after the other, each from the policy that the one before it led to: that is what a step
//    does. The recorded direction is the sum of the stored gradients.
// 2. A step of which only hashes were kept is learned again first, and must come to them.
import {
  EvidenceError,
  type LearnedGradient,
  type LearnerState,
  type PolicyOptimizer,
  type PolicyTrainer,
  type Tensors,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import type { EventData, HashName } from "../../events/index.ts";
import type { FoldedTrajectory, LearnedStep, WeightTrail } from "../fold/index.ts";
import { learnAgain, referencePolicy } from "../recompute/index.ts";
import { agreementOf, directionOf } from "./direction.ts";
import type { Both } from "./tally.ts";

/** What computes gradients. */
export interface RejudgingEngine<S> {
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<S>;
  /** True on the run's own numeric class: gradients come out to the bit. */
  readonly exact: boolean;
}

export interface StepGradientsOptions<S> extends RejudgingEngine<S> {
  readonly config: Both<RunConfig>;
  readonly started: EventData<"run.started">;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
  readonly trail: WeightTrail<S>;
}

/** How the gradient of a step would have been. */
export interface GradientChange {
  /** Of the direction that the step would have had to the one that it had; null: see `reason`. */
  readonly cosine: number | null;
  /** Why there is no cosine; null where there is one. */
  readonly reason: string | null;
  /** Euclidean lengths of the directions; null where they are not known. */
  readonly gradientNorm: Both<number | null>;
}

/** Nothing is known, for this reason. */
export const noGradient = (reason: string): GradientChange => ({
  cosine: null,
  reason,
  gradientNorm: { recorded: null, rejudged: null },
});

type Batch = EventData<"batch.assembled">;

/** The weights of a run step by step, and what another batch would have made of them. */
export class StepGradients<S> {
  readonly #options: StepGradientsOptions<S>;
  readonly #reference: Tensors | null;

  private constructor(options: StepGradientsOptions<S>, reference: Tensors | null) {
    this.#options = options;
    this.#reference = reference;
  }

  static async open<S>(options: StepGradientsOptions<S>): Promise<StepGradients<S>> {
    const { config, trainer, optimizer, readBlob, started } = options;
    const parts = { config: config.recorded, trainer, optimizer, readBlob };
    return new StepGradients(options, await referencePolicy(parts, started));
  }

  /**
   * The steps that lead from stored weights to the `chosen` ones: `compare` or `pass` takes every
   * one of them, in order, and `skip` the others.
   */
  async leadingTo(
    steps: readonly LearnedStep[],
    chosen: ReadonlySet<number>,
  ): Promise<ReadonlySet<number>> {
    const leading = new Set<number>();
    let isOpen = false;
    for (const { batch } of [...steps].reverse()) {
      const { step, policy, optimizer } = batch.data;
      if (isOpen) leading.add(step);
      isOpen ||= chosen.has(step);
      if (isOpen && (await this.#options.trail.isStored(policy, optimizer))) isOpen = false;
    }
    return leading;
  }

  /** Compares a step with what `batch` makes of it, and goes on to the next one. */
  async compare(
    learned: LearnedStep,
    batch: Batch,
    trajectories: readonly FoldedTrajectory[],
  ): Promise<GradientChange> {
    const start = await this.#options.trail.before(learned);
    if (learned.update === null) return noGradient("the step was not learned to its end");
    if (start === null) {
      await this.pass(learned);
      return noGradient("its weights are not stored, and no stored gradients lead to them");
    }
    const recorded = await this.#recorded(learned, trajectories, start);
    if (recorded === null) return noGradient("nothing was learned from");
    const again = await this.#learn("rejudged", batch, trajectories, start);
    const rejudged = await directionOf(this.#decoded(again.gradients));
    if (rejudged === null) return noGradient("nothing would have been learned from");
    const { cosine, norms } = agreementOf(rejudged, recorded);
    const reason = cosine === null ? "a gradient is 0 everywhere" : null;
    return { cosine, reason, gradientNorm: { recorded: norms[1], rejudged: norms[0] } };
  }

  /** Goes on to the next step by what is stored. */
  async pass(learned: LearnedStep): Promise<void> {
    await this.#options.trail.derive(learned);
  }

  /** Leaves a step out that leads nowhere. */
  skip(): void {
    this.#options.trail.drop();
  }

  /** The direction that is recorded; the trail then stands behind the step. */
  async #recorded(
    learned: LearnedStep,
    trajectories: readonly FoldedTrajectory[],
    start: LearnerState<S>,
  ): Promise<Tensors | null> {
    const { exact, trail } = this.#options;
    if (await trail.hasGradients(learned)) {
      await this.pass(learned);
      return directionOf(this.#stored(learned));
    }
    const again = await this.#learn("recorded", learned.batch.data, trajectories, start);
    if (exact) {
      requireEqual(learned, again.gradients);
      trail.arrive(learned, again.state);
    } else trail.drop();
    return directionOf(this.#decoded(again.gradients));
  }

  #learn(
    side: keyof Both<RunConfig>,
    batch: Batch,
    trajectories: readonly FoldedTrajectory[],
    start: LearnerState<S>,
  ) {
    const { trainer, optimizer, readBlob } = this.#options;
    const config = this.#options.config[side];
    const options = { config, trainer, optimizer, readBlob, reference: this.#reference };
    return learnAgain(options, batch, trajectories, start);
  }

  async *#stored({ gradients }: LearnedStep): AsyncIterable<Tensors> {
    const { optimizer, readBlob } = this.#options;
    for (const { data } of gradients) {
      const bytes = await readBlob(data.gradient);
      if (bytes === null) throw new EvidenceError(`the gradient ${data.gradient} is not stored`);
      yield optimizer.decodeGradient(bytes);
    }
  }

  *#decoded(gradients: readonly LearnedGradient[]): Iterable<Tensors> {
    for (const { bytes } of gradients) yield this.#options.optimizer.decodeGradient(bytes);
  }
}

function requireEqual({ gradients }: LearnedStep, again: readonly LearnedGradient[]): void {
  for (const [index, { data }] of gradients.entries()) {
    const derived = again[index]?.data.gradient;
    if (derived === data.gradient) continue;
    const { step, minibatch, gradient } = data;
    throw new EvidenceError(
      `step ${step}, minibatch ${minibatch}: the gradient is recorded as ${gradient} and comes out ` +
        `as ${derived}; varft replay --recompute tells more`,
    );
  }
}
