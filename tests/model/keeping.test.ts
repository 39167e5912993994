// Goal: what a session of a large model keeps in memory changes no bit of what it computes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import { ImageEncoder } from "../../model/engine/image-encoder.ts";
import { keepingOf } from "../../model/engine/keeping.ts";
import { runGradient } from "../../model/engine/learn.ts";
import { parameterFeeds } from "../../model/engine/parameter-feeds.ts";
import { RopeTable } from "../../model/engine/rope.ts";
import { SegmentedRunner } from "../../model/engine/segments.ts";
import { floats } from "../../model/engine/session.ts";
import { tokenBatches } from "../../model/engine/token-batches.ts";
import { cast, emitModel, Graph, linear, loop, negate, scalar } from "../../model/graph/index.ts";
import { type Gradient, openPolicy, writeCheckpoint } from "../../model/index.ts";
import { segmentedOutputs, tokenInputs, Weights } from "../../model/qwen/index.ts";
import { withFolder } from "../model-input/temporary-folder.ts";
import { smallConfig, smallContent, smallRows } from "../model-output/small-base.ts";
import { decodeModel, typesOf } from "./decode-model.ts";
import { sampling, tinyConfig, tinySequence, tinyTensors } from "./tiny-model.ts";

const test = suite("model: what sessions keep");
const GiB = 2 ** 30;
const freely = { temperature: 1, bannedIds: [] };

test("mapped weights are widened once a turn where they fit, and token by token where not", () => {
  const keeping = (freeBytes: number, widening?: "turn" | "token") =>
    keepingOf("generate", smallConfig, { mapped: true, widening, freeBytes }).widensAtUse;
  assert.is(keeping(16 * GiB), false);
  assert.is(keeping(1 * GiB), true);
  assert.is(keeping(16 * GiB, "token"), true);
  assert.is(keeping(1 * GiB, "turn"), false);
});

test("weights in memory are widened when the session opens", () => {
  const keeping = keepingOf("generate", smallConfig, {
    mapped: false,
    widening: "token",
    freeBytes: 0,
  });
  assert.equal(keeping, { arena: true, widensAtUse: false });
});

test("what is widened at use is so in front of each, also in a loop; otherwise once, before it", () => {
  const graph = new Graph();
  const bytes = { type: "inline", data: new Uint16Array(16) } as const;
  const weight = cast(graph.initializer("weight", "bfloat16", [4, 4], bytes), "float32");
  const start = graph.input("start", "bool", []);
  const x = negate(graph.input("x", "float32", [2, 4]));
  const rounds = scalar(graph, 3, "int64");
  const body = (_: unknown, [state = x]: readonly (typeof x)[]) => {
    return { goOn: start, state: [linear(state, weight)], collected: [state] };
  };
  const { state } = loop({ rounds, start, state: [linear(x, weight)], collectedSize: 3, body });
  const outputs = { y: state[0] ?? x };
  for (const widensAtUse of [false, true]) {
    const main = decodeModel(emitModel(outputs, { widensAtUse }).bytes).graph;
    const inner = main?.node?.find(({ opType }) => opType === "Loop")?.attribute?.[0]?.g;
    assert.is(typesOf(inner).includes("Cast"), widensAtUse);
    assert.ok(typesOf(main).includes("Cast"), "what is used outside is widened there");
    // Without this onnxruntime would widen all weights at its start.
    const [view] = main?.node?.filter(({ opType }) => opType === "Reshape") ?? [];
    assert.is(view !== undefined, widensAtUse);
  }
});

test("turns are the same to the byte, however often weights are widened", async () => {
  await withFolder(async (directory) => {
    await writeCheckpoint(directory, smallContent({ dtype: "BF16" }));
    const [context] = smallRows().filter(({ images }) => images.length > 0);
    assert.ok(context);
    const random = new RandomStream("widening");
    const uniforms = Float32Array.from({ length: 12 }, () => random.uniform());
    const turns = [];
    for (const widening of ["turn", "token"] as const) {
      const policy = await openPolicy({
        directory,
        mapped: true,
        widening,
        tuning: { type: "lora", rank: 2, alpha: 4, seed: 3 },
        threads: 2,
        roles: ["vision", "generate"],
      });
      const row = { context, uniforms, tokensMax: uniforms.length };
      turns.push(await policy.generate(policy.trainable, [row], { ...freely, stopIds: [] }));
      await policy.close();
    }
    assert.is(turns[0]?.[0]?.ids.length, uniforms.length);
    assert.equal(turns[0], turns[1]);
  });
});

const tuning = { type: "full", scope: "language" } as const;

/** The gradient of a loss over some words, at most `tokensMax` of which are scored at a time. */
async function gradientOf(tokensMax: number): Promise<Gradient> {
  const random = new RandomStream("token batches");
  const rows = [9, 14].map((length) => {
    const { ids } = tinySequence(random, length);
    return { ids, images: [], chosen: Array.from(ids, (_, index) => index).slice(1) };
  });
  const count = rows.reduce((sum, { chosen }) => sum + chosen.length, 0);
  const weights = Float32Array.from({ length: count }, () => random.uniform());
  const frozen = (name: string) => {
    const data = tinyTensors.get(name) ?? new Float32Array();
    return { dtype: "float32", source: { type: "inline", data } } as const;
  };
  const graph = segmentedOutputs(new Weights(new Graph(), tinyConfig, tuning, frozen));
  const session = await SegmentedRunner.open(graph, tinyConfig, { threads: 1 }, tokensMax);
  const parts = {
    config: tinyConfig,
    rope: new RopeTable(tinyConfig),
    encoder: new ImageEncoder(tinyConfig, tuning, undefined),
    session,
    parameters: parameterFeeds(tinyConfig, tuning, tinyTensors),
  };
  const loss = { normalizer: count, crossEntropy: { weights } };
  const gradient = await runGradient(parts, tinyTensors, { rows, sampling }, loss);
  await session.close();
  return gradient;
}

test("tokens are cut into batches of about equal length, each of two tokens or more", () => {
  const count = 21;
  const feeds = new Map(
    tokenInputs.map((name) => [name, floats(Float32Array.from({ length: count }), [count])]),
  );
  const lengths = (tokensMax: number) =>
    tokenBatches(feeds, tokensMax).map((batch) => batch.get("labels")?.data.length);
  assert.equal(lengths(100), [21]);
  assert.equal(lengths(21), [21]);
  assert.equal(lengths(20), [10, 11]);
  assert.equal(lengths(4), [3, 4, 3, 4, 3, 4]);
});

test("tokens scored in batches have the same scores, and gradients but for rounding", async () => {
  const [whole, cut] = [await gradientOf(100), await gradientOf(4)];
  assert.equal(cut.logProbs, whole.logProbs);
  assert.equal(cut.entropies, whole.entropies);
  assert.ok(Math.abs(cut.loss - whole.loss) < 1e-6);
  assert.equal([...cut.gradients.keys()], [...whole.gradients.keys()]);
  for (const [name, expected] of whole.gradients) {
    const actual = cut.gradients.get(name) ?? new Float32Array();
    const norm = Math.hypot(...expected);
    const difference = Math.hypot(...expected.map((value, at) => value - (actual[at] ?? 0)));
    assert.ok(norm > 0 && difference < 1e-6 * norm, `${name}: ${difference} of ${norm}`);
  }
});

test.run();
