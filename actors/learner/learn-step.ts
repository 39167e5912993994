// One step of learning, from samples to the next policy: old log-probs, gradient after gradient,
// optimizer. A function of its arguments; it changes nothing that it is given, so that the caller
// decides when the new policy counts (after the acknowledgement).
import { assert, type EventData, hashName } from "../../events/index.ts";
import { GradientSum } from "./gradient-sum.ts";
import { referenceLoss, samplerWeights } from "./grpo.ts";
import { itemAt } from "./item-at.ts";
import type {
  GradientRow,
  LearnerState,
  PolicyOptimizer,
  PolicyTrainer,
  Tensors,
} from "./ports.ts";
import { planGradient, type TrainingSample } from "./samples.ts";
import { learningRateAt, type ScheduleSettings } from "./schedule.ts";

export interface LearnSettings extends ScheduleSettings {
  readonly temperature: number;
  readonly clipLow: number;
  readonly clipHigh: number;
  readonly klCoefficient: number;
  /** Importance weights between sampler and learner are cut off here. */
  readonly weightCap: number;
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

/** A sample and its advantage. */
export interface WeighedSample {
  readonly sample: TrainingSample;
  readonly advantage: number;
}

/** A gradient as it is recorded, and its bytes. */
export interface LearnedGradient {
  readonly bytes: Uint8Array;
  readonly data: Omit<EventData<"gradient.computed">, "stored">;
}

export interface LearnedStep<S> {
  readonly state: LearnerState<S>;
  readonly gradients: readonly LearnedGradient[];
}

/** Learns from `minibatches`, one after the other, beginning with `start`. */
export async function learnStep<S>(
  parts: LearnParts<S>,
  step: number,
  start: LearnerState<S>,
  minibatches: readonly (readonly WeighedSample[])[],
): Promise<LearnedStep<S>> {
  const rows = await gradientRows(parts, start.policy, minibatches);
  const learningRate = learningRateAt(step, parts.settings);
  const gradients: LearnedGradient[] = [];
  let state = start;
  for (const [minibatch, members] of rows.entries()) {
    const { gradient, seen } = await sumGradient(parts, state.policy, members);
    const updated = parts.optimizer.step(state, gradient, learningRate);
    const { gradientNorm } = updated;
    state = updated.state;
    const bytes = parts.optimizer.encodeGradient(gradient);
    const terms = lossTerms(parts.settings, members, seen);
    const name = hashName(bytes);
    const data = { step, minibatch, ...terms, gradientNorm, learningRate, gradient: name };
    gradients.push({ bytes, data });
  }
  return { state, gradients };
}

/** Log-probs before any update, and the weights that follow from them. */
async function gradientRows<S>(
  { trainer, settings, reference }: LearnParts<S>,
  policy: Tensors,
  minibatches: readonly (readonly WeighedSample[])[],
): Promise<GradientRow[][]> {
  const all = minibatches.flat().map(({ sample }) => sample);
  const old = await trainer.logProbs(policy, all, settings.temperature);
  const anchor =
    reference === null ? null : await trainer.logProbs(reference, all, settings.temperature);
  let next = 0;
  return minibatches.map((members) =>
    members.map(({ sample, advantage }) => {
      const index = next++;
      const before = old[index];
      assert(before !== undefined, "one row of log-probs per sample");
      const weights = samplerWeights(before, sample.sampler, settings.weightCap);
      return { sample, advantage, old: before, weights, reference: anchor?.[index] ?? null };
    }),
  );
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
  const seen: { logProbs: Float32Array; entropies: Float32Array }[] = [];
  const total = new GradientSum();
  for (const shard of plan) {
    const sum = new GradientSum();
    for (const members of shard) {
      const micro = members.map((index) => itemAt(rows, index));
      const result = await trainer.gradient(policy, micro, { ...settings, tokens });
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
function lossTerms(settings: LearnSettings, rows: readonly GradientRow[], seen: Seen) {
  const concat = (pick: (row: GradientRow) => Float32Array) =>
    Float32Array.from(rows.flatMap((row) => [...pick(row)]));
  const entropies = seen.flatMap((row) => [...row.entropies]);
  const terms = referenceLoss(
    {
      current: Float32Array.from(seen.flatMap((row) => [...row.logProbs])),
      old: concat(({ old }) => old),
      sampler: concat(({ sample }) => sample.sampler),
      weights: concat(({ weights }) => weights),
      advantages: concat(({ old, advantage }) => old.map(() => advantage)),
      reference:
        settings.klCoefficient === 0 ? null : concat(({ reference, old }) => reference ?? old),
    },
    settings,
  );
  const entropy = entropies.reduce((sum, value) => sum + value, 0) / terms.tokens;
  return { ...terms, entropy };
}
