// All logits of a batch, which no role of a policy gives: the learner's layers with the head on
// every token.

import { imageFeeds } from "../../../model/engine/generate.ts";
import { ImageEncoder } from "../../../model/engine/image-encoder.ts";
import { parameterFeeds } from "../../../model/engine/parameter-feeds.ts";
import { RopeTable } from "../../../model/engine/rope.ts";
import { sequenceFeeds } from "../../../model/engine/sequences.ts";
import { floatResult, Session } from "../../../model/engine/session.ts";
import { Graph } from "../../../model/graph/index.ts";
import type { LearnRow, ModelConfig, TensorMap, Tuning } from "../../../model/index.ts";
import { embedTokens, encodedImages, imagePlaces, logitsOf } from "../../../model/qwen/decoder.ts";
import { visionTokens, Weights } from "../../../model/qwen/index.ts";
import { decoderLayers, learnContext } from "../../../model/qwen/learn.ts";

const tuning: Tuning = { type: "full" };
const options = { threads: 1 };

/** The logits of each row, [tokens, vocabulary]. */
export async function allLogits(
  config: ModelConfig,
  tensors: TensorMap,
  rows: readonly LearnRow[],
): Promise<readonly Float32Array[]> {
  const open = async (name: string, build: (weights: Weights) => ReturnType<typeof logitsOf>) => {
    const weights = new Weights(new Graph(), config, tuning, (frozen) => {
      throw new Error(`${frozen} is frozen`);
    });
    return Session.open({ [name]: build(weights) }, options);
  };
  const tower = await open("imageRows", visionTokens);
  const language = await open("logits", languageModel);
  const sequences = sequenceFeeds(rows, config, new RopeTable(config));
  const encoder = new ImageEncoder(config, tuning, tower);
  const images = await imageFeeds({ config, encoder }, tensors, sequences);
  const parameters = parameterFeeds(config, tuning, tensors);
  const results = await language.run(new Map([...parameters, ...sequences.feeds, ...images]));
  await Promise.all([tower.close(), language.close()]);
  const logits = floatResult(results, "logits");
  const width = config.text.vocabularySize;
  return sequences.lengths.map((length, row) => {
    const start = row * sequences.length * width;
    return logits.subarray(start, start + length * width);
  });
}

function languageModel(weights: Weights) {
  const context = learnContext(weights);
  const images = imagePlaces(weights, encodedImages(weights));
  const embedded = embedTokens(weights, context.ids, images);
  const hidden = decoderLayers(weights, embedded, context, 0, weights.config.text.layerCount);
  return logitsOf(weights, hidden);
}
