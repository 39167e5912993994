// What the policy's graphs reach of the machine, on one thread: training beside onnxruntime's own
// matrix product, generation with everything that a run needs (draws, log-probs, entropies, an
// adapter) beside the same model without any of it. Times are those of the CPU, the best of a few
// rounds in turn, so that other work on the machine weighs little.
import { RandomStream } from "../events/index.ts";
import { runGenerate } from "../model/engine/generate.ts";
import { ImageEncoder } from "../model/engine/image-encoder.ts";
import { RopeTable } from "../model/engine/rope.ts";
import { floats, Session } from "../model/engine/session.ts";
import { argMax, cast, Graph, gemm, linear, type Node, slice } from "../model/graph/index.ts";
import {
  type GenerateRow,
  type ModelConfig,
  openPolicy,
  type TensorMap,
  type Tuning,
} from "../model/index.ts";
import { generateOutputs, Weights } from "../model/qwen/index.ts";
import {
  type BatchShape,
  gradientOperations,
  midSize,
  noiseTensors,
  tinySize,
} from "./shared/model-sizes.ts";
import { type BenchRow, type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 15;

const rank = 16;
const adapters = { type: "lora", rank, alpha: 32, seed: 1, scope: "language" } as const;
const everything = { type: "full", scope: "language" } as const;
const threads = 1;
/** Rounds of a comparison: so many at least, and more while they are short. */
const roundsMin = 3;
const roundsMsMax = 1_500;
const sampling = { temperature: 1, bannedIds: [0, 3, 4, 5, 6] };
const peakSize = 1_024;
const contextTokens = 56;
const turnTokens = 24;
const batchSizes = [1, 8] as const;

interface Case {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tuning: Tuning;
  readonly batch: BatchShape;
}

const cases: readonly Case[] = [
  {
    name: "tiny",
    config: tinySize,
    tuning: everything,
    batch: { rows: 64, length: 96, chosen: 30 },
  },
  { name: "mid", config: midSize, tuning: adapters, batch: { rows: 4, length: 96, chosen: 30 } },
];

export async function rows(): Promise<BenchRows> {
  const found: Record<string, BenchRow> = {};
  for (const one of cases) {
    const tensors = noiseTensors(one.config);
    found[`model.train.${one.name}`] = await training(one, tensors);
    Object.assign(found, await generation(one, tensors));
  }
  return found;
}

/** CPU milliseconds of each of `works`, the best of some rounds in which they take turns. */
async function bestTimes(works: readonly (() => Promise<unknown>)[]): Promise<readonly number[]> {
  const best = works.map(() => Number.POSITIVE_INFINITY);
  const end = performance.now() + roundsMsMax;
  for (let round = 0; round < roundsMin || performance.now() < end; round++) {
    for (const [index, work] of works.entries()) {
      const before = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(before);
      best[index] = Math.min(best[index] ?? 0, (user + system) / 1_000);
    }
  }
  return best;
}

function words(config: ModelConfig, random: RandomStream, length: number): readonly number[] {
  return Array.from({ length }, () => 10 + random.integer(config.text.vocabularySize - 10));
}

async function training({ config, tuning, batch }: Case, tensors: TensorMap): Promise<BenchRow> {
  const policy = await openPolicy({ config, tensors, tuning, threads, roles: ["learn"] });
  const random = new RandomStream("bench", "batch");
  const { rows: rowCount, length, chosen } = batch;
  const count = rowCount * chosen;
  const constant = (value: number) => new Float32Array(count).fill(value);
  const learned = {
    sampling,
    rows: Array.from({ length: rowCount }, () => ({
      ids: words(config, random, length),
      images: [],
      chosen: Array.from({ length: chosen }, (_, index) => length - chosen + index),
    })),
  };
  const numbers = { weights: constant(1), advantages: constant(1), oldLogProbs: constant(-6) };
  const loss = { normalizer: count, policy: { ...numbers, clipLow: 0.2, clipHigh: 0.28 } };
  const peak = await openPeak();
  const [gradientMs = 0, peakMs = 0] = await bestTimes([
    () => policy.gradient(policy.trainable, learned, loss),
    peak.run,
  ]);
  await Promise.all([policy.close(), peak.close()]);
  const operations = gradientOperations(config, batch, tuning.type === "lora" ? rank : null);
  return row(operations / gradientMs / 1e6, "GFLOP/s", {
    reference: (2 * peakSize ** 3) / peakMs / 1e6,
    against: `onnxruntime's product of two ${peakSize}² matrices`,
    reach: { of: "ratio", min: 0.7 },
  });
}

/** Onnxruntime's matrix product, alone in a session. */
async function openPeak() {
  const graph = new Graph();
  const side = [peakSize, peakSize];
  const [a, b] = [graph.input("a", "float32", side), graph.input("b", "float32", side)];
  const session = await Session.open({ product: gemm(a, b) }, { threads });
  const feed = floats(new Float32Array(peakSize ** 2).fill(0.5), side);
  const feeds = new Map([
    ["a", feed],
    ["b", feed],
  ]);
  return { run: () => session.run(feeds), close: () => session.close() };
}

async function generation({ name, config }: Case, tensors: TensorMap): Promise<BenchRows> {
  const options = { config, tensors, tuning: adapters, threads };
  const policy = await openPolicy({ ...options, roles: ["generate"] });
  const plain = await openPlain(config, tensors);
  const found: Record<string, BenchRow> = {};
  for (const size of batchSizes) {
    const turns = generateRows(config, size);
    const settings = { ...sampling, stopIds: [] };
    const [sampledMs = 0, plainMs = 0] = await bestTimes([
      () => policy.generate(policy.trainable, turns, settings),
      () => plain.generate(turns, settings),
    ]);
    const perSecond = (ms: number) => (size * turnTokens * 1_000) / ms;
    found[`model.generate.${name}.b${size}`] = row(perSecond(sampledMs), "tokens/s", {
      reference: perSecond(plainMs),
      against: "greedy, without adapter, log-probs and draws",
      reach: { of: "ratio", min: 0.65 },
    });
  }
  await Promise.all([policy.close(), plain.close()]);
  return found;
}

function generateRows(config: ModelConfig, count: number): readonly GenerateRow[] {
  const random = new RandomStream("bench", "turns", count);
  const context = { ids: words(config, random, contextTokens), images: [] };
  return Array.from({ length: count }, () => ({
    context,
    tokensMax: turnTokens,
    uniforms: Float32Array.from({ length: turnTokens }, () => random.uniform()),
  }));
}

/** Every weight frozen, no adapters. */
class PlainWeights extends Weights {
  override linear(x: Node, layer: string, { bias = false } = {}): Node {
    return linear(x, this.get(`${layer}.weight`), bias ? this.get(`${layer}.bias`) : undefined);
  }

  override linearPart(x: Node, layer: string, start: number, end: number): Node {
    const part = (name: string) => slice(this.get(`${layer}.${name}`), 0, start, end);
    return linear(x, part("weight"), part("bias"));
  }
}

/** The same model as it would be without a run around it: the likeliest token, nothing else. */
async function openPlain(config: ModelConfig, tensors: TensorMap) {
  const graph = new Graph();
  const weights = new PlainWeights(graph, config, adapters, (name) => ({
    dtype: "float32",
    source: { type: "inline", data: tensors.get(name) ?? new Float32Array() },
  }));
  const outputs = generateOutputs(weights, (logits) => {
    const token = argMax(logits);
    const nothing = cast(token, "float32");
    return { token, logProb: nothing, entropy: nothing };
  });
  const session = await Session.open(outputs, { threads });
  const parts = {
    config,
    session,
    rope: new RopeTable(config),
    encoder: new ImageEncoder(config, adapters, undefined),
    parameters: new Map(),
  };
  return {
    generate: (turns: readonly GenerateRow[], settings: Parameters<typeof runGenerate>[3]) =>
      runGenerate(parts, new Map(), turns, settings),
    close: () => session.close(),
  };
}
