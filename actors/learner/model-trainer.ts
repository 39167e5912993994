// The policy engine as the learner's trainer, and AdamW as its optimizer.
import { assert } from "../../events/index.ts";
import {
  type AdamSettings,
  type AdamState,
  adamStep,
  type LearnBatch,
  type LossInputs,
  type Policy,
  type TensorCodec,
} from "../../model/index.ts";
import type { ImageStore } from "../images.ts";
import { itemAt } from "./item-at.ts";
import type { GradientRow, GradientSettings, PolicyOptimizer, PolicyTrainer } from "./ports.ts";
import type { TrainingSample } from "./samples.ts";

export interface ModelTrainerOptions {
  readonly policy: Policy;
  readonly codec: TensorCodec;
  readonly images: ImageStore;
  readonly rowsMax: number;
  /** The same as in sampling, so that both score under one distribution. */
  readonly bannedIds: readonly number[];
}

/** A trainer over a policy with the roles `learn` and, where the tower stays as it is, `vision`. */
export function modelTrainer(options: ModelTrainerOptions): PolicyTrainer {
  const { policy, codec, images, rowsMax, bannedIds } = options;
  const batchOf = async (
    samples: readonly TrainingSample[],
    temperature: number,
  ): Promise<LearnBatch> => ({
    rows: await Promise.all(samples.map((sample) => learnRow(sample, images))),
    sampling: { temperature, bannedIds },
  });
  return {
    rowsMax,
    encodePolicy: (tensors) => codec.encode(tensors),
    decodePolicy: (bytes) => codec.decode(bytes, "a stored policy"),
    async logProbs(tensors, samples, temperature) {
      const scores: Float32Array[] = [];
      // Rows of similar length share a call; the result does not depend on it.
      const order = samples.map((_, index) => index);
      const lengths = samples.map(({ ids }) => ids.length);
      order.sort((a, b) => itemAt(lengths, a) - itemAt(lengths, b) || a - b);
      for (let start = 0; start < order.length; start += rowsMax) {
        const indices = order.slice(start, start + rowsMax);
        const micro = indices.map((index) => itemAt(samples, index));
        const { logProbs } = await policy.logProbs(tensors, await batchOf(micro, temperature));
        for (const [place, row] of cutRows(logProbs, micro).entries()) {
          scores[itemAt(indices, place)] = row;
        }
      }
      return scores;
    },
    async gradient(tensors, rows, settings) {
      const samples = rows.map(({ sample }) => sample);
      const batch = await batchOf(samples, settings.temperature);
      const result = await policy.gradient(tensors, batch, lossInputs(rows, settings));
      return {
        gradient: result.gradients,
        logProbs: cutRows(result.logProbs, samples),
        entropies: cutRows(result.entropies, samples),
      };
    },
  };
}

async function learnRow({ ids, images: names, mask }: TrainingSample, images: ImageStore) {
  const chosen = [...mask.keys()].filter((index) => mask[index] === 1);
  return { ids, images: await Promise.all(names.map((name) => images.get(name))), chosen };
}

function lossInputs(rows: readonly GradientRow[], settings: GradientSettings): LossInputs {
  const concat = (pick: (row: GradientRow) => ArrayLike<number>) => {
    const parts = rows.map(pick);
    const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  };
  if (rows.some(({ slopes }) => slopes !== null)) {
    // −Σ c · log-prob, the graph's cross entropy, has these slopes and no other.
    const weights = concat(({ slopes }) => {
      assert(slopes !== null, "all rows of a minibatch have slopes, or none");
      return slopes.map((slope) => -slope);
    });
    return { normalizer: 1, crossEntropy: { weights } };
  }
  const { tokens, clipLow, clipHigh, klCoefficient } = settings;
  const policy = {
    weights: concat(({ weights }) => weights),
    advantages: concat(({ advantages }) => advantages),
    oldLogProbs: concat(({ old }) => old),
    clipLow,
    clipHigh,
  };
  if (klCoefficient === 0) return { normalizer: tokens, policy };
  const referenceLogProbs = concat(({ reference }) => {
    assert(reference !== null, "a KL term needs a reference policy");
    return reference;
  });
  const divergence = { coefficient: klCoefficient, referenceLogProbs };
  return { normalizer: tokens, policy, divergence };
}

/** Cuts values of all chosen tokens into one array per sample. */
function cutRows(values: Float32Array, samples: readonly TrainingSample[]): Float32Array[] {
  let at = 0;
  const rows = samples.map(({ sampler }) => {
    const row = values.slice(at, at + sampler.length);
    at += sampler.length;
    return row;
  });
  assert(at === values.length, `${values.length} scores for ${at} chosen tokens`);
  return rows;
}

/** AdamW with clipping, its states and gradients as canonical bytes. */
export function adamOptimizer(
  codec: TensorCodec,
  settings: Omit<AdamSettings, "learningRate">,
): PolicyOptimizer<AdamState> {
  return {
    step({ policy, optimizer }, gradient, learningRate) {
      const next = adamStep(policy, gradient, optimizer, { ...settings, learningRate });
      const state = { policy: next.parameters, optimizer: next.state };
      return { state, gradientNorm: next.gradientNorm };
    },
    encode: (optimizer) => codec.encodeAdam(optimizer),
    decode: (bytes) => codec.decodeAdam(bytes, "a stored optimizer state"),
    encodeGradient: (gradient) => codec.encode(gradient),
    decodeGradient: (bytes) => codec.decode(bytes, "a stored gradient"),
  };
}
