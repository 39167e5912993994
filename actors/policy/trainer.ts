// The engine and the optimizer as the learner uses them.
import { assert } from "../../events/index.ts";
import {
  type AdamSettings,
  type AdamState,
  adamStep,
  type LearnRow,
  type Policy,
} from "../../model/index.ts";
import {
  type GradientRow,
  type PolicyOptimizer,
  type PolicyTrainer,
  planGradient,
  type TrainingSample,
} from "../learner/index.ts";
import type { Pictures } from "./pictures.ts";
import { decodeAdamState, decodeTensors, encodeAdamState, encodeTensors } from "./tensor-bytes.ts";
import type { Vocabulary } from "./vocabulary.ts";

type Shapes = Parameters<typeof encodeTensors>[1];

export interface TrainerOptions {
  readonly policy: Pick<Policy, "logProbs" | "gradient">;
  readonly shapes: Shapes;
  readonly pictures: Pictures;
  readonly vocabulary: Pick<Vocabulary, "bannedIds">;
  readonly rowsMax: number;
}

/** A trainer over an opened policy with the roles `vision` and `learn`. */
export function policyTrainer(options: TrainerOptions): PolicyTrainer {
  const { policy, shapes, pictures, vocabulary, rowsMax } = options;
  const { bannedIds } = vocabulary;
  return {
    rowsMax,
    encodePolicy: (parameters) => encodeTensors(parameters, shapes),
    decodePolicy: (bytes) => decodeTensors(bytes, shapes, "a policy"),
    async logProbs(parameters, samples, temperature) {
      const scores: Float32Array[] = [];
      const lengths = samples.map(({ ids }) => ids.length);
      // Who is scored with whom changes nothing; rows of similar length waste no padding.
      for (const members of planGradient(lengths, 1, rowsMax).flat()) {
        const rows = await learnRows(
          members.map((index) => itemAt(samples, index)),
          pictures,
        );
        const sampling = { temperature, bannedIds };
        const { logProbs } = await policy.logProbs(parameters, { rows, sampling });
        const parts = cutByRow(logProbs, rows);
        for (const [place, index] of members.entries()) scores[index] = itemAt(parts, place);
      }
      return scores;
    },
    async gradient(parameters, given, settings) {
      const rows = await learnRows(
        given.map(({ sample }) => sample),
        pictures,
      );
      const sampling = { temperature: settings.temperature, bannedIds };
      const loss = lossOf(given, settings);
      const result = await policy.gradient(parameters, { rows, sampling }, loss);
      return {
        gradient: result.gradients,
        logProbs: cutByRow(result.logProbs, rows),
        entropies: cutByRow(result.entropies, rows),
      };
    },
  };
}

/** AdamW over the trained parameters. */
export function adamOptimizer(shapes: Shapes, settings: Omit<AdamSettings, "learningRate">) {
  return {
    step({ policy, optimizer }, gradient, learningRate) {
      const next = adamStep(policy, gradient, optimizer, { ...settings, learningRate });
      const state = { policy: next.parameters, optimizer: next.state };
      return { state, gradientNorm: next.gradientNorm };
    },
    encode: (state) => encodeAdamState(state, shapes),
    decode: (bytes) => decodeAdamState(bytes, shapes),
    encodeGradient: (gradient) => encodeTensors(gradient, shapes),
    decodeGradient: (bytes) => decodeTensors(bytes, shapes, "a gradient"),
  } satisfies PolicyOptimizer<AdamState>;
}

async function learnRows(
  samples: readonly TrainingSample[],
  pictures: Pictures,
): Promise<readonly LearnRow[]> {
  return Promise.all(
    samples.map(async ({ ids, images, mask }) => {
      const chosen: number[] = [];
      for (const [index, carries] of mask.entries()) if (carries === 1) chosen.push(index);
      return { ids, images: await pictures.getAll(images), chosen };
    }),
  );
}

function lossOf(rows: readonly GradientRow[], settings: Parameters<PolicyTrainer["gradient"]>[2]) {
  const { tokens, clipLow, clipHigh, klCoefficient } = settings;
  const policy = {
    weights: joined(rows.map(({ weights }) => weights)),
    advantages: joined(rows.map(({ old, advantage }) => old.map(() => advantage))),
    oldLogProbs: joined(rows.map(({ old }) => old)),
    clipLow,
    clipHigh,
  };
  if (klCoefficient === 0) return { normalizer: tokens, policy };
  const references = rows.map(({ reference }) => {
    assert(reference !== null, "a KL term needs the log-probs of the reference policy");
    return reference;
  });
  const divergence = { coefficient: klCoefficient, referenceLogProbs: joined(references) };
  return { normalizer: tokens, policy, divergence };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const total = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    total.set(part, start);
    start += part.length;
  }
  return total;
}

function cutByRow(values: Float32Array, rows: readonly LearnRow[]): Float32Array[] {
  let start = 0;
  return rows.map(({ chosen }) => {
    start += chosen.length;
    return values.slice(start - chosen.length, start);
  });
}

function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  assert(item !== undefined, `item ${index} of ${items.length} is missing`);
  return item;
}
