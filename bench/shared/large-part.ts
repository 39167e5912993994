// One part of `bench/large.ts`, in a process of its own. Says its figures as one line of JSON.
//
//   node --import tsx bench/shared/large-part.ts sampling|open|step|turn|token [DIRECTORY]
import { availableParallelism } from "node:os";
import { argv } from "node:process";
import { RandomStream } from "../../events/index.ts";
import { floats, Session, truths } from "../../model/engine/session.ts";
import { Graph, gemm } from "../../model/graph/index.ts";
import {
  adamStep,
  type ImageInput,
  initialAdamState,
  type LearnRow,
  openPolicy,
  type Policy,
} from "../../model/index.ts";
import { chooseToken, policyLogits } from "../../model/qwen/sampler.ts";
import { segmentedOperations } from "./model-sizes.ts";

const threads = availableParallelism();
const rank = 16;
const tuning = { type: "lora", rank, alpha: 32, seed: 1, scope: "language" } as const;

const vocabularySize = 151_936;
const samplingRows = 8;
const repetitions = 20;

/** What drawing a token costs per row, log-probability and entropy included. */
async function sampling(): Promise<object> {
  const graph = new Graph();
  const logits = graph.input("logits", "float32", [samplingRows, vocabularySize]);
  const settings = {
    inverseTemperature: graph.input("inverseTemperature", "float32", []),
    ban: graph.input("ban", "float32", [vocabularySize]),
  };
  const uniform = graph.input("uniform", "float32", [samplingRows]);
  const greedy = graph.input("greedy", "bool", []);
  const { token, logProb, entropy } = chooseToken(policyLogits(logits, settings), uniform, greedy);
  const session = await Session.open({ token, logProb, entropy }, { threads: 1 });
  const random = new RandomStream("bench", "sampling");
  const draw = (length: number, make: () => number) => Float32Array.from({ length }, make);
  const size = samplingRows * vocabularySize;
  const feeds = new Map([
    [
      "logits",
      floats(
        draw(size, () => 3 * random.normal()),
        [samplingRows, vocabularySize],
      ),
    ],
    ["inverseTemperature", floats(Float32Array.of(1), [])],
    ["ban", floats(new Float32Array(vocabularySize), [vocabularySize])],
    [
      "uniform",
      floats(
        draw(samplingRows, () => random.uniform()),
        [samplingRows],
      ),
    ],
    ["greedy", truths([false], [])],
  ]);
  const ms = await leastCpuMs(repetitions, () => session.run(feeds));
  return { msPerRow: ms / samplingRows };
}

/** CPU milliseconds of `work`, the best of some. */
async function leastCpuMs(times: number, work: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let time = 0; time < times; time++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

async function open(directory: string): Promise<object> {
  const startedMs = performance.now();
  const roles = ["vision", "generate", "learn"] as const;
  const policy = await openPolicy({ directory, tuning, threads, roles, recompute: "segments" });
  const seconds = (performance.now() - startedMs) / 1_000;
  await policy.close();
  return { seconds };
}

const sequenceCount = 2;
const sequenceLength = 512;
/** Patches of an image of 476 by 644 pixels. */
const grid = [1, 34, 46] as const;
const patchValues = 1_176;

/** A sequence that begins with an image; all that follows it is learnt. */
function sequence({ config }: Policy, random: RandomStream): LearnRow {
  const { tokens, vision } = config;
  const patches = grid[1] * grid[2];
  const pixels = Float32Array.from({ length: patches * patchValues }, () => random.normal());
  const image: ImageInput = { hash: `image ${random.uint32()}`, grid, pixels };
  const places = new Array<number>(patches / vision.mergeSize ** 2).fill(tokens.image);
  const ids = [tokens.visionStart, ...places, tokens.visionEnd];
  const first = ids.length + 1;
  while (ids.length < sequenceLength) ids.push(random.integer(tokens.visionStart));
  const chosen = Array.from({ length: sequenceLength - first }, (_, index) => first + index);
  return { ids, images: [image], chosen };
}

/** One GRPO step: encode images, score, gradient, AdamW. */
async function step(directory: string): Promise<object> {
  const peakGigaflopsPerSecond = await peak();
  const policy = await openPolicy({
    ...{ directory, tuning, threads, recompute: "segments" },
    roles: ["vision", "learn"],
  });
  const random = new RandomStream("bench", "large");
  const rows = Array.from({ length: sequenceCount }, () => sequence(policy, random));
  const count = rows.reduce((sum, { chosen }) => sum + chosen.length, 0);
  const batch = { rows, sampling: { temperature: 1, bannedIds: [policy.config.tokens.image] } };
  const startedMs = performance.now();
  const { logProbs } = await policy.logProbs(policy.trainable, batch);
  const before = process.cpuUsage();
  const { gradients } = await policy.gradient(policy.trainable, batch, {
    normalizer: count,
    policy: {
      weights: new Float32Array(count).fill(1),
      advantages: Float32Array.from({ length: count }, (_, at) => (at < count / 2 ? 1 : -1)),
      oldLogProbs: logProbs,
      clipLow: 0.2,
      clipHigh: 0.28,
    },
  });
  const { user, system } = process.cpuUsage(before);
  adamStep(policy.trainable, gradients, initialAdamState(policy.trainable), {
    ...{ learningRate: 1e-4, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
    ...{ weightDecay: 0, gradientNormMax: 1 },
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  const shape = { rows: sequenceCount, length: sequenceLength, chosen: count / sequenceCount };
  const operations = segmentedOperations(policy.config, shape, rank);
  await policy.close();
  return {
    seconds,
    gigaflopsPerSecond: operations / (user + system) / 1_000,
    peakGigaflopsPerSecond,
  };
}

const contextTokens = 64;
/** Tokens of a turn: the first comes with the reading of the context and is not counted. */
const turnTokens = 9;

/** Tokens of a turn, with weights widened once for all of them or for each. */
async function sampleTurn(directory: string, widening: "turn" | "token"): Promise<object> {
  const roles = ["stream"] as const;
  const policy = await openPolicy({ directory, tuning, threads, roles, widening });
  const random = new RandomStream("bench", "turn");
  const draw = (length: number) => Array.from({ length }, () => random.integer(100_000));
  const row = {
    context: { ids: draw(contextTokens), images: [] },
    uniforms: Float32Array.from({ length: turnTokens }, () => random.uniform()),
    tokensMax: turnTokens,
  };
  const options = { temperature: 1, bannedIds: [], stopIds: [] };
  let startedMs = 0;
  for await (const _ of policy.stream(policy.trainable, row, options, () => turnTokens)) {
    if (startedMs === 0) startedMs = performance.now();
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  await policy.close();
  return { tokensPerSecond: (turnTokens - 1) / seconds };
}

const peakSize = 2_048;

/** Onnxruntime's matrix product, with as many threads. */
async function peak(): Promise<number> {
  const graph = new Graph();
  const side = [peakSize, peakSize];
  const product = gemm(graph.input("a", "float32", side), graph.input("b", "float32", side));
  const session = await Session.open({ product }, { threads });
  const feed = floats(new Float32Array(peakSize ** 2).fill(0.5), side);
  const feeds = new Map([
    ["a", feed],
    ["b", feed],
  ]);
  const ms = await leastCpuMs(repetitions / 2, () => session.run(feeds));
  await session.close();
  return (2 * peakSize ** 3) / ms / 1e6;
}

const parts: Readonly<Record<string, (directory: string) => Promise<object>>> = {
  sampling,
  open,
  step,
  turn: (directory) => sampleTurn(directory, "turn"),
  token: (directory) => sampleTurn(directory, "token"),
};
const [name = "", directory = ""] = argv.slice(2);
console.log(JSON.stringify(await parts[name]?.(directory)));
