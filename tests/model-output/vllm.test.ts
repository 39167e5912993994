// Goal: vLLM's LoRA loader takes our adapters as they are, to the last tensor. What it does not
// expect it refuses, but what it finds no module for, or smaller than the module, it takes in
// silence: so names and shapes are checked one by one.
// Method: its rules as of vLLM 0.33, restated. `vllm/lora/utils.py` reads a name
// (parse_fine_tuned_lora_name), `models/qwen2_5_vl.py` maps it (hf_to_vllm_mapper) and packs
// modules (packed_modules_mapping), `lora/peft_helper.py` reads the configuration.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trainableParameters, writeAdapter } from "../../model/index.ts";
import { readSafetensorsHeader } from "../../model/input/index.ts";
import { weightOf } from "../model/parity/formula.ts";
import { smallConfig, smallTuning } from "./small-base.ts";

const test = suite("model-output/vllm");
const { rank, alpha } = smallTuning;
let folder = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-vllm-"));
  for (const scope of ["all", "language"] as const) {
    const parameters = trainableParameters(smallConfig, { ...smallTuning, scope });
    const tensors = new Map(
      parameters.map((one) => [one.name, { shape: one.shape, data: weightOf(one) }]),
    );
    await writeAdapter(join(folder, scope), { tensors, rank, alpha, base: "b" });
  }
});

test.after(() => rm(folder, { recursive: true, force: true }));

/** Prefixes in vLLM's order; each is tried on what the one before it made. */
const prefixes = [
  ["model.language_model.", "language_model.model."],
  ["model.visual.", "visual."],
  ["lm_head.", "language_model.lm_head."],
  ["model.", "language_model.model."],
] as const;

/** The module in vLLM that a tensor of this name goes to, and which half it is. */
function parsedName(name: string): readonly [module: string, half: "A" | "B"] {
  const bare = name.replace(/^base_model\.model\./, "");
  const mapped = prefixes.reduce(
    (key, [prefix, other]) => (key.startsWith(prefix) ? key.replace(prefix, other) : key),
    bare,
  );
  const [, module, half] = /^(.+)\.lora_([AB])\.weight$/.exec(mapped) ?? [];
  assert.ok(module !== undefined && (half === "A" || half === "B"), `vLLM cannot read ${name}`);
  return [module, half];
}

/**
 * The linear modules that vLLM builds, as [columns, rows] of the weight: qkv_proj and gate_up_proj
 * are one module each there, and take their parts by these names.
 */
function vllmModules(): ReadonlyMap<string, readonly [columns: number, rows: number]> {
  const { text, vision } = smallConfig;
  const width = text.hiddenSize;
  const [queries, keys] = [text.headCount, text.keyValueHeadCount].map(
    (heads) => heads * (width / text.headCount),
  ) as [number, number];
  const gated = (size: number, inside: number) =>
    [
      ["mlp.gate_proj", [size, inside]],
      ["mlp.up_proj", [size, inside]],
      ["mlp.down_proj", [inside, size]],
    ] as const;
  const layer = [
    ["self_attn.q_proj", [width, queries]],
    ["self_attn.k_proj", [width, keys]],
    ["self_attn.v_proj", [width, keys]],
    ["self_attn.o_proj", [queries, width]],
    ...gated(width, text.intermediateSize),
  ] as const;
  const tower = vision.hiddenSize;
  const block = [
    ["attn.qkv", [tower, 3 * tower]],
    ["attn.proj", [tower, tower]],
    ...gated(tower, vision.intermediateSize),
  ] as const;
  const merged = tower * vision.mergeSize ** 2;
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  return new Map([
    ...numbers(text.layerCount).flatMap((at) =>
      layer.map(([name, size]) => [`language_model.model.layers.${at}.${name}`, size] as const),
    ),
    ...numbers(vision.layerCount).flatMap((at) =>
      block.map(([name, size]) => [`visual.blocks.${at}.${name}`, size] as const),
    ),
    ["visual.merger.mlp.0", [merged, merged]],
    ["visual.merger.mlp.2", [merged, vision.outputSize]],
  ]);
}

async function tensorsOf(scope: "all" | "language") {
  const header = await readSafetensorsHeader(join(folder, scope, "adapter_model.safetensors"));
  return [...header].map(([name, { shape }]) => [...parsedName(name), shape] as const);
}

test("every tensor is half of an adapter of a module that vLLM has, in full size", async () => {
  const modules = vllmModules();
  for (const [module, half, shape] of await tensorsOf("all")) {
    const [columns, rows] = modules.get(module) ?? [];
    assert.equal(shape, half === "A" ? [rank, columns] : [rows, rank], `${module} ${half}`);
  }
});

test("with the tower every module has an adapter, without it those of the language model", async () => {
  const all = [...vllmModules().keys()].flatMap((module) => [`${module} A`, `${module} B`]);
  const found = async (scope: "all" | "language") =>
    (await tensorsOf(scope)).map(([module, half]) => `${module} ${half}`).sort();
  assert.equal(await found("all"), [...all].sort());
  assert.equal(await found("language"), all.filter((name) => name.startsWith("lang")).sort());
});

test("the configuration has what vLLM requires, and nothing that it refuses", async () => {
  const file = join(folder, "all", "adapter_config.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  assert.equal([config.r, config.lora_alpha, config.bias], [rank, alpha, "none"]);
  assert.type(config.target_modules, "string");
  assert.is(config.init_lora_weights, true);
  const refused = [
    ...["use_dora", "lora_bias", "modules_to_save", "alora_invocation_tokens"],
    ...["layer_replication", "use_bdlora", "use_qalora"],
  ];
  for (const key of refused) assert.not.ok(config[key], key);
  // With these empty, scale and rank are lora_alpha / r and r for every module.
  assert.equal([config.use_rslora, config.rank_pattern, config.alpha_pattern], [false, {}, {}]);
});

test.run();
