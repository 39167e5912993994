// One step of learning, from samples to the next policy: old log-probs, gradient after gradient,
// optimizer. A function of its arguments; it changes nothing that it is given, so that the caller
// decides when the new policy counts (after the acknowledgement).
import { assert, type EventData, hashName } from "../../events/index.ts";
import { k1, lossCoefficient } from "./divergence.ts";
import { GradientSum } from "./gradient-sum.ts";
import { type ImportanceRule, samplerWeights } from "./importance.ts";
import { itemAt } from "./item-at.ts";
import { type LossRow, type LossSettings, lossInGraph, lossSlopes, lossTerms } from "./loss.ts";
import type {
  GradientRow,
  LearnerState,
  PolicyOptimizer,
  PolicyTrainer,
  Tensors,
} from "./ports.ts";
import { planGradient, type TrainingSample, tokenAdvantages } from "./samples.ts";
import { learningRateAt, type ScheduleSettings } from "./schedule.ts";

export interface LearnSettings extends ScheduleSettings, LossSettings {
  readonly temperature: number;
  readonly importance: ImportanceRule;
  readonly shards: number;
}

/** What a step works with. */
export interface LearnParts<S> {
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<S>;
  readonly settings: LearnSettings;
  /** The policy that KL is measured to; null without a KL term. */
  readonly reference: Tensors | null;
}

/** A sample and its advantage: the trajectory's, or those of its turns. */
export interface WeighedSample {
  readonly sample: TrainingSample;
  readonly advantage: number | Float32Array;
}

/**
 * Advantages once the KL term has been taken from the rewards: of each minibatch the trajectories',
 * from what each of them loses. Asked only where the term stands in the reward.
 */
export type Reprice = (penalties: readonly (readonly number[])[]) => readonly (readonly number[])[];

/** A gradient as it is recorded, and its bytes. */
export interface LearnedGradient {
  readonly bytes: Uint8Array;
  readonly data: Omit<EventData<"gradient.computed">, "stored">;
}

export interface LearnedStep<S> {
  readonly state: LearnerState<S>;
  readonly gradients: readonly LearnedGradient[];
}

/** What only some runs' steps are learned with. */
export interface LearnExtras {
  /** Needed where the KL term stands in the reward. */
  readonly reprice?: Reprice;
  /** With a policy lag: the policy that the samples were played with. */
  readonly played?: Tensors | null;
}

/** A row whose loss the graph computes, or whose slopes are still to come. */
interface OpenRow extends Omit<GradientRow, "slopes"> {
  /** Log-probs under the policy that played: what the sampler's must agree with. */
  readonly played: Float32Array;
}

/** Learns from `minibatches`, one after the other, beginning with `start`. */
export async function learnStep<S>(
  parts: LearnParts<S>,
  step: number,
  start: LearnerState<S>,
  minibatches: readonly (readonly WeighedSample[])[],
  { reprice, played = null }: LearnExtras = {},
): Promise<LearnedStep<S>> {
  const { optimizer, settings } = parts;
  const scored = await scoredRows(parts, start.policy, played, minibatches);
  const { rows, penalties } = repriced(scored, settings, reprice);
  const learningRate = learningRateAt(step, settings);
  const gradients: LearnedGradient[] = [];
  let state = start;
  for (const [minibatch, members] of rows.entries()) {
    const sloped = await withSlopes(parts, state.policy, members, minibatch === 0);
    const { gradient, seen } = await sumGradient(parts, state.policy, sloped);
    const updated = optimizer.step(state, gradient, learningRate);
    const { gradientNorm } = updated;
    state = updated.state;
    const bytes = optimizer.encodeGradient(gradient);
    const terms = loggedTerms(settings, members, seen);
    const penalty = penalties?.[minibatch];
    const data = {
      step,
      minibatch,
      ...terms,
      ...(penalty === undefined ? {} : { penalties: Float32Array.from(penalty) }),
      gradientNorm,
      learningRate,
      gradient: hashName(bytes),
    };
    gradients.push({ bytes, data });
  }
  return { state, gradients };
}

/** Log-probs before any update, and the weights that follow from them. */
async function scoredRows<S>(
  { trainer, settings, reference }: LearnParts<S>,
  policy: Tensors,
  played: Tensors | null,
  minibatches: readonly (readonly WeighedSample[])[],
): Promise<OpenRow[][]> {
  const all = minibatches.flat().map(({ sample }) => sample);
  const scores = (one: Tensors) => trainer.logProbs(one, all, settings.temperature);
  const old = await scores(policy);
  const behind = played === null ? old : await scores(played);
  const anchor = reference === null ? null : await scores(reference);
  let next = 0;
  return minibatches.map((members) =>
    members.map(({ sample, advantage }) => {
      const index = next++;
      const before = old[index];
      assert(before !== undefined, "one row of log-probs per sample");
      const weights = samplerWeights(before, sample.sampler, settings.importance);
      const advantages = tokenAdvantages(sample, advantage);
      return {
        ...{ sample, advantages, old: before, weights },
        played: itemAt(behind, index),
        reference: anchor?.[index] ?? null,
      };
    }),
  );
}

/**
 * With the KL term in the reward: what each trajectory loses, β Σ k1 over its tokens (TRL's
 * `RLOOTrainer`), and the advantages that are left.
 */
function repriced(
  minibatches: readonly (readonly OpenRow[])[],
  { kl }: LearnSettings,
  reprice: Reprice | undefined,
): {
  readonly rows: readonly (readonly OpenRow[])[];
  readonly penalties: readonly (readonly number[])[] | null;
} {
  if (kl.type !== "k1-reward") return { rows: minibatches, penalties: null };
  const penaltyOf = ({ old, reference }: OpenRow): number => {
    assert(reference !== null, "a KL term needs a reference policy");
    const sum = old.reduce((total, value, at) => total + k1(itemAt(reference, at) - value), 0);
    // As it is recorded, so that the advantages follow from the record.
    return Math.fround(kl.coefficient * sum);
  };
  const penalties = minibatches.map((members) => members.map(penaltyOf));
  assert(reprice !== undefined, "with the KL term in the reward advantages are computed again");
  const advantages = reprice(penalties);
  const rows = minibatches.map((members, minibatch) =>
    members.map((row, place) => ({
      ...row,
      advantages: tokenAdvantages(row.sample, itemAt(itemAt(advantages, minibatch), place)),
    })),
  );
  return { rows, penalties };
}

/**
 * The rows with the slopes of a loss that the graph does not compute. They need the current
 * log-probs: one more forward pass, except for the first minibatch, whose policy is the old one.
 */
async function withSlopes<S>(
  { trainer, settings }: LearnParts<S>,
  policy: Tensors,
  rows: readonly OpenRow[],
  first: boolean,
): Promise<GradientRow[]> {
  if (lossInGraph(settings)) return rows.map((row) => ({ ...row, slopes: null }));
  const samples = rows.map(({ sample }) => sample);
  const current = first
    ? rows.map(({ old }) => old)
    : await trainer.logProbs(policy, samples, settings.temperature);
  const slopes = lossSlopes(lossRows(rows, current), settings);
  return rows.map((row, index) => ({ ...row, slopes: itemAt(slopes, index) }));
}

function lossRows(rows: readonly OpenRow[], current: readonly Float32Array[]): LossRow[] {
  return rows.map(({ sample, old, played, weights, advantages, reference }, index) => ({
    current: itemAt(current, index),
    old,
    played,
    sampler: sample.sampler,
    weights,
    advantages,
    reference,
  }));
}

/** Per row of the minibatch, what the engine saw. */
type Seen = readonly { readonly logProbs: Float32Array; readonly entropies: Float32Array }[];

async function sumGradient<S>(
  { trainer, settings }: LearnParts<S>,
  policy: Tensors,
  rows: readonly GradientRow[],
): Promise<{ readonly gradient: Tensors; readonly seen: Seen }> {
  const lengths = rows.map(({ sample }) => sample.ids.length);
  const plan = planGradient(lengths, settings.shards, trainer.rowsMax);
  const tokens = rows.reduce((sum, { old }) => sum + old.length, 0);
  const { temperature, clipLow, clipHigh } = settings;
  const klCoefficient = lossCoefficient(settings.kl);
  const given = { temperature, clipLow, clipHigh, klCoefficient, tokens };
  const seen: { logProbs: Float32Array; entropies: Float32Array }[] = [];
  const total = new GradientSum();
  for (const shard of plan) {
    const sum = new GradientSum();
    for (const members of shard) {
      const micro = members.map((index) => itemAt(rows, index));
      const result = await trainer.gradient(policy, micro, given);
      sum.add(result.gradient);
      for (const [place, index] of members.entries()) {
        const [logProbs, entropies] = [result.logProbs, result.entropies];
        seen[index] = { logProbs: itemAt(logProbs, place), entropies: itemAt(entropies, place) };
      }
    }
    total.add(sum.take());
  }
  return { gradient: total.take(), seen };
}

/** The logged figures, tokens in the order of the minibatch. */
function loggedTerms(settings: LearnSettings, rows: readonly OpenRow[], seen: Seen) {
  const current = seen.map(({ logProbs }) => logProbs);
  const terms = lossTerms(lossRows(rows, current), settings);
  const entropies = seen.flatMap((row) => [...row.entropies]);
  const entropy = entropies.reduce((sum, value) => sum + value, 0) / terms.tokens;
  return { ...terms, entropy };
}
