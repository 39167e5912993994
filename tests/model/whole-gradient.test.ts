// Goal: the gradient of the whole model is right. Method: the learn graph is built in float64 and
// every trainable parameter is compared with central finite differences, with all parts of the loss
// at once, images with partial windows, and rows of different lengths.
import { Tensor } from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import { ImageEncoder } from "../../model/engine/image-encoder.ts";
import { learnFeeds } from "../../model/engine/learn.ts";
import { parameterFeeds } from "../../model/engine/parameter-feeds.ts";
import { RopeTable } from "../../model/engine/rope.ts";
import { Graph } from "../../model/graph/index.ts";
import type { Tuning } from "../../model/index.ts";
import { initialAdapters, trainableParameters } from "../../model/index.ts";
import { gradientName, learnOutputs, Weights } from "../../model/qwen/index.ts";
import { openSession, worstError } from "./finite-differences.ts";
import {
  lora,
  openTiny,
  sampling,
  shaken,
  tinyConfig,
  tinyImage,
  tinySequence,
  tinyTensors,
} from "./tiny-model.ts";

const errorMax = 1e-6;
const probesMax = 3;

async function wholeGradientError(tuning: Tuning): Promise<number> {
  const random = new RandomStream(8);
  const shared = tinyImage(random, 4, 6);
  const rows = [
    tinySequence(random, 16, [shared, tinyImage(random, 2, 2)]),
    tinySequence(random, 18, [shared]),
    tinySequence(random, 7),
  ].map((row) => ({ ...row, chosen: [row.ids.length - 2, row.ids.length - 1] }));
  const count = 2 * rows.length;
  const list = (make: () => number) => Float32Array.from({ length: count }, make);
  const parameters =
    tuning.type === "lora" ? shaken(initialAdapters(tinyConfig, tuning), 2) : tinyTensors;
  const policy = await openTiny(tuning, ["vision", "learn"]);
  const { logProbs } = await policy.logProbs(parameters, { rows, sampling });
  await policy.close();
  const loss = {
    normalizer: count,
    policy: {
      weights: list(() => 0.5 + random.uniform()),
      advantages: list(() => random.normal()),
      // Ratios from 0.6 to 1.6: some are clipped on either side.
      oldLogProbs: logProbs.map((value, at) => value - 0.5 + at / (count - 1)),
      clipLow: 0.2,
      clipHigh: 0.28,
    },
    divergence: { coefficient: 0.3, referenceLogProbs: logProbs.map((value) => value + 0.4) },
    crossEntropy: { weights: list(() => random.uniform()) },
  };
  const parts = {
    config: tinyConfig,
    rope: new RopeTable(tinyConfig),
    encoder: new ImageEncoder(tinyConfig, tuning, undefined),
    session: { inputs: new Set(["pixels"]) },
    parameters: parameterFeeds(tinyConfig, tuning, parameters),
  };
  const { feeds } = await learnFeeds(parts, parameters, { rows, sampling }, loss);
  const widened = Object.fromEntries([...feeds].map(([name, feed]) => [name, widen(feed)]));
  const graph = new Graph("float64");
  const weights = new Weights(graph, tinyConfig, tuning, (name) => {
    const data = Float64Array.from(tinyTensors.get(name) ?? []);
    return { dtype: "float64", source: { type: "inline", data } };
  });
  const outputs = learnOutputs(weights);
  const names = trainableParameters(tinyConfig, tuning).map(({ name }) => name);
  const slopes = names.map((name) => [`d ${name}`, outputs[gradientName(name)]]);
  const session = await openSession({ loss: outputs["loss"], ...Object.fromEntries(slopes) });
  const used = Object.fromEntries(
    session.inputNames.map((name) => [name, widened[name] as Tensor]),
  );
  return worstError(session, used, names, probesMax);
}

function widen(feed: Tensor): Tensor {
  if (!(feed.data instanceof Float32Array)) return feed;
  return new Tensor("float64", Float64Array.from(feed.data), feed.dims);
}

const test = suite("gradient of the whole model");

for (const tuning of [{ type: "full" } as const, lora]) {
  test(`${tuning.type}: agrees with finite differences`, async () => {
    const error = await wholeGradientError(tuning);
    assert.ok(error <= errorMax, `relative error ${error}`);
  });
}

test.run();
