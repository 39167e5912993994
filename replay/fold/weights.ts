// Policies and optimizer states from stored gradients: AdamW again, step by step (DESIGN of the
// ledger: gradients are kept, not deltas, so that every hash is re-derived from the run alone).
//
// 1. A gradient above `storage.gradient_bytes_max` left its hash only, and so did one that was
//    pruned. Such a step is told as "hash only", and the derivation goes on where policy and
//    optimizer are both stored again.
// 2. After a difference, too, it goes on there: what follows from wrong weights says nothing.
import {
  EvidenceError,
  type LearnerState,
  learningRateAt,
  learnSettings,
  type PolicyOptimizer,
  type PolicyTrainer,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, ensureError, type HashName, hashName } from "../../events/index.ts";
import type { Book, ReplayReader } from "./book.ts";
import type { Findings } from "./findings.ts";
import type { LearnedStep } from "./learner.ts";
import { unequal } from "./unequal.ts";

/** The weights of a run as the learner holds them. `S` is the optimizer's own business. */
export interface WeightParts<S> {
  readonly trainer: Pick<PolicyTrainer, "decodePolicy" | "encodePolicy">;
  readonly optimizer: PolicyOptimizer<S>;
}

export class WeightTrail<S> {
  readonly #parts: WeightParts<S>;
  readonly #blobs: ReplayReader["blobs"];
  readonly #settings: ReturnType<typeof learnSettings>;
  readonly #findings: Findings;
  readonly #isPruned: Book["isPruned"];
  #state: LearnerState<S> | null = null;
  #hashOnly = 0;
  #derived = 0;

  constructor(
    parts: WeightParts<S>,
    blobs: ReplayReader["blobs"],
    config: RunConfig,
    findings: Findings,
    isPruned: Book["isPruned"],
  ) {
    this.#parts = parts;
    this.#blobs = blobs;
    this.#isPruned = isPruned;
    this.#settings = learnSettings(config);
    this.#findings = findings;
  }

  /**
   * Steps of which only hashes were kept, or whose start is unknown because of such a step or of
   * one that differs: nothing could be derived.
   */
  get hashOnly(): number {
    return this.#hashOnly;
  }

  /** Steps whose policy and optimizer were derived. */
  get derived(): number {
    return this.#derived;
  }

  /** Whether policy and optimizer are both stored, so that a derivation may begin there. */
  async isStored(policy: HashName, optimizer: HashName): Promise<boolean> {
    return (await this.#blobs.has(policy)) && (await this.#blobs.has(optimizer));
  }

  /** The weights that a step starts from; null where they are neither derived nor stored. */
  async before({ batch }: LearnedStep): Promise<LearnerState<S> | null> {
    if (this.#state !== null) return this.#state;
    const { policy, optimizer } = batch.data;
    try {
      if (!(await this.isStored(policy, optimizer))) return null;
      const state = {
        policy: this.#parts.trainer.decodePolicy(await this.#blob(policy)),
        optimizer: this.#parts.optimizer.decode(await this.#blob(optimizer)),
      };
      this.#state = state;
      return state;
    } catch (thrown) {
      this.#findings.compare("policies", batch, ensureError(thrown).message);
      return null;
    }
  }

  /** Whether the bytes of all gradients of a step are there, as far as the run says. */
  async hasGradients({ gradients }: LearnedStep): Promise<boolean> {
    for (const { data } of gradients) {
      if (!data.stored || (await this.#isPruned(data.gradient))) return false;
    }
    return true;
  }

  /** Derives what a step came to from its stored gradients, and compares it. */
  async derive(learned: LearnedStep): Promise<void> {
    const { gradients, update } = learned;
    const start = await this.before(learned);
    this.#state = null;
    if (update === null) return;
    if (start === null || !(await this.hasGradients(learned))) {
      this.#hashOnly += 1;
      return;
    }
    let state = start;
    for (const gradient of gradients) {
      const { data } = gradient;
      try {
        const next = await this.#apply(state, data);
        state = next.state;
        const learningRate = learningRateAt(data.step, this.#settings);
        const { gradientNorm } = next;
        const recorded = { learningRate: data.learningRate, gradientNorm: data.gradientNorm };
        this.#findings.compare(
          "gradients",
          gradient,
          unequal(recorded, { learningRate, gradientNorm }),
        );
      } catch (thrown) {
        this.#findings.compare("gradients", gradient, ensureError(thrown).message);
        return;
      }
    }
    this.arrive(learned, state);
  }

  /**
   * Takes the weights that a step came to, however they were computed, and compares their names.
   */
  arrive({ update }: LearnedStep, state: LearnerState<S>): void {
    if (update === null) return;
    const policy = hashName(this.#parts.trainer.encodePolicy(state.policy));
    const optimizer = hashName(this.#parts.optimizer.encode(state.optimizer));
    const { policyAfter, optimizerAfter } = update.data;
    const reasons = [
      unequal({ policyAfter }, { policyAfter: policy }),
      unequal({ optimizerAfter }, { optimizerAfter: optimizer }),
    ] as const;
    this.#findings.compare("policies", update, reasons[0]);
    this.#findings.compare("optimizers", update, reasons[1]);
    this.#derived += 1;
    this.#state = reasons.every((reason) => reason === null) ? state : null;
  }

  /** Forgets the weights in hand: the next step starts from stored ones. */
  drop(): void {
    this.#state = null;
  }

  async #apply(state: LearnerState<S>, { gradient, step }: EventData<"gradient.computed">) {
    const bytes = await this.#blob(gradient);
    const learningRate = learningRateAt(step, this.#settings);
    const { optimizer } = this.#parts;
    return optimizer.step(state, optimizer.decodeGradient(bytes), learningRate);
  }

  async #blob(name: HashName): Promise<Uint8Array> {
    const bytes = await this.#blobs.get(name);
    if (bytes === null) throw new EvidenceError(`${name} is not stored`);
    return bytes;
  }
}
