// Goal: adapters that are trained here mean the same in peft, peft's adapters mean the same here,
// and a merged checkpoint means what both say.
// Method: what peft and transformers computed with the same folders
// (tests/reference/peft_roundtrip.py), against this engine.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  adapterPolicy,
  encodeSafetensors,
  mergeAdapter,
  openAdapter,
  writeAdapter,
  writeCheckpoint,
} from "../../model/index.ts";
import { readSafetensorsHeader } from "../../model/input/index.ts";
import { weightOf } from "../model/parity/formula.ts";
import {
  adapterTensors,
  scoresOf,
  smallConfig,
  smallContent,
  smallTuning,
  trainAdapters,
} from "./small-base.ts";

interface Scores {
  readonly logProbs: readonly number[];
  readonly entropies: readonly number[];
}

interface Part {
  readonly config: Readonly<Record<string, unknown>>;
  /** Shapes by name, as the file has them. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly adapted: Scores;
}

interface Fixture {
  readonly ours: Part & {
    readonly base: Scores;
    /** By peft's own merge, and of the folder that was merged here. */
    readonly unloaded: Scores;
    readonly merged: Scores;
    /** Modules that the configuration selects. */
    readonly targeted: readonly string[];
  };
  readonly theirs: Part;
}

const test = suite("model-output/peft-roundtrip");
const fixtureFile = new URL("../fixtures/peft-roundtrip.json", import.meta.url);
const { ours, theirs } = JSON.parse(await readFile(fixtureFile, "utf8")) as Fixture;
const differenceMax = 1e-4;
const { rank, alpha } = smallTuning;
let folder = "";
let base = "";
let adapter = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-peft-"));
  [base, adapter] = [join(folder, "base"), join(folder, "adapter")];
  await writeCheckpoint(base, smallContent());
  const tensors = adapterTensors(await trainAdapters(base, smallTuning), smallTuning);
  await writeAdapter(adapter, { tensors, rank, alpha, base });
});

test.after(() => rm(folder, { recursive: true, force: true }));

function differenceOf(found: { readonly [key in keyof Scores]: ArrayLike<number> }, said: Scores) {
  const all = (["logProbs", "entropies"] as const).flatMap((key) => {
    assert.is(found[key].length, said[key].length);
    return said[key].map((value, at) => Math.abs(value - (found[key][at] ?? Number.NaN)));
  });
  return Math.max(...all);
}

function near(name: string, ...values: Parameters<typeof differenceOf>): void {
  const difference = differenceOf(...values);
  console.log(`  ${name}: largest difference ${difference.toExponential(1)}`);
  assert.ok(difference <= differenceMax, `${name} differs by ${difference}`);
}

test("the base alone scores as in transformers, and the adapter changes that", async () => {
  near("base", await scoresOf(base, { type: "none" }), ours.base);
  assert.ok(differenceOf(ours.adapted, ours.base) > 0.5, "the adapter was trained");
});

test("an adapter that was trained here scores as in peft", async () => {
  const { tuning, parameters } = await adapterPolicy(
    await openAdapter(adapter, smallConfig),
    smallConfig,
  );
  assert.equal([tuning.rank, tuning.alpha, tuning.scope], [rank, alpha, "all"]);
  near("adapter", await scoresOf(base, tuning, parameters), ours.adapted);
});

test("the configuration that peft read selects the trained layers and no others", async () => {
  const config = JSON.parse(await readFile(join(adapter, "adapter_config.json"), "utf8"));
  assert.equal({ ...config, base_model_name_or_path: null }, ours.config);
  const header = await readSafetensorsHeader(join(adapter, "adapter_model.safetensors"));
  const shapes = [...header].map(([name, { shape }]) => [name, shape] as const);
  assert.equal(Object.fromEntries(shapes), ours.tensors);
  const adapted = Object.keys(ours.tensors).map((name) =>
    name.replace(/^base_model\.model\./, "").replace(/\.lora_[AB]\.weight$/, ""),
  );
  assert.equal([...new Set(adapted)].sort(), ours.targeted);
});

test("a merged checkpoint scores as peft's merge and as it does in transformers", async () => {
  const merged = join(folder, "merged");
  await mergeAdapter(base, adapter, merged, { dtype: "base" });
  const scores = await scoresOf(merged, { type: "none" });
  near("merged, in transformers", scores, ours.merged);
  near("merged by peft", scores, ours.unloaded);
});

test("an adapter of peft's own, with several ranks and scales, scores as it does there", async () => {
  const directory = join(folder, "theirs");
  await writeTheirs(directory);
  const opened = await openAdapter(directory, smallConfig);
  assert.is(opened.base, "somebody/base");
  const ranks = [...opened.layers.values()].map((one) => [one.layer, one.rank]);
  assert.equal(ranks, [
    ["visual.blocks.1.attn.qkv", 3],
    ["model.layers.0.self_attn.q_proj", 2],
    ["model.layers.0.mlp.down_proj", 2],
    ["model.layers.1.self_attn.q_proj", 4],
    ["model.layers.1.mlp.down_proj", 2],
  ]);
  const { tuning, parameters } = await adapterPolicy(opened, smallConfig);
  near("of peft", await scoresOf(base, tuning, parameters), theirs.adapted);
  const merged = join(folder, "theirs merged");
  await mergeAdapter(base, directory, merged, { dtype: "base" });
  near("of peft, merged", await scoresOf(merged, { type: "none" }), theirs.adapted);
});

/** The folder that peft wrote: its configuration, and values by formula. */
async function writeTheirs(directory: string): Promise<void> {
  const tensors = Object.entries(theirs.tensors).map(
    ([name, shape]) => [name, { shape, data: weightOf({ name, shape }) }] as const,
  );
  await mkdir(directory);
  await writeFile(join(directory, "adapter_config.json"), JSON.stringify(theirs.config));
  const bytes = encodeSafetensors(new Map(tensors), "F32");
  await writeFile(join(directory, "adapter_model.safetensors"), bytes);
}

test.run();
