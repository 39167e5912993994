// Goal: adapter folders have the names that others read, adapters of either layout are read, and
// what cannot be read is refused by file and key.
// Method: a folder of ours, changed in one place at a time.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName } from "../../events/index.ts";
import {
  AdapterError,
  adapterPolicy,
  encodeSafetensors,
  OutputError,
  openAdapter,
  type Tensor,
  trainableParameters,
  writeAdapter,
} from "../../model/index.ts";
import { CheckpointError, decodeSafetensors } from "../../model/input/index.ts";
import { weightOf } from "../model/parity/formula.ts";
import { raises } from "../model-input/raises.ts";
import { smallConfig, smallTuning } from "./small-base.ts";

const test = suite("model-output/adapter-folder");
const { rank, alpha } = smallTuning;
let folder = "";
let adapter = "";
const values = new Map(
  trainableParameters(smallConfig, smallTuning).map((one) => [one.name, weightOf(one)]),
);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-adapter-"));
  adapter = join(folder, "adapter");
  await writeAdapter(adapter, { tensors: withShapes("language"), rank, alpha, base: "the/base" });
});

test.after(() => rm(folder, { recursive: true, force: true }));

const goldenHashes = {
  config: "311aa9517bd075e880d9db4f7b02e6cd770ddf2d3b61987c136bf3126b752130",
  weights: "a37f5d81c387ebb75556acaa97146a56d229172cf233faa2d2923c4ecc03390f",
  origin: "238bfdefcf6779a97ba8f62e05cea39d02ddb6def43636ed815e42bc91ca75ae",
};

const tensor = (shape: readonly number[], data: readonly number[]): Tensor => ({
  shape,
  data: Float32Array.from(data),
});

function withShapes(scope: "all" | "language"): ReadonlyMap<string, Tensor> {
  const parameters = trainableParameters(smallConfig, { ...smallTuning, scope });
  const tensors = parameters.map(({ name, shape }) => {
    return [name, { shape, data: values.get(name) ?? new Float32Array() }] as const;
  });
  return new Map(tensors);
}

type Json = Record<string, unknown>;

/** A copy of the folder with another configuration, and with other tensors. */
async function changed(
  name: string,
  config: (json: Json) => Json,
  tensors: (tensors: Map<string, Tensor>) => Map<string, Tensor> = (same) => same,
): Promise<string> {
  const copy = join(folder, name);
  await cp(adapter, copy, { recursive: true });
  const file = join(copy, "adapter_config.json");
  await writeFile(file, JSON.stringify(config(JSON.parse(await readFile(file, "utf8")))));
  const weights = join(copy, "adapter_model.safetensors");
  const before = decodeSafetensors(await readFile(weights), weights);
  await writeFile(weights, encodeSafetensors(tensors(before), "F32"));
  return copy;
}

const same = (json: Json) => json;

test("what was written is read back to the bit, with the base's name", async () => {
  const opened = await openAdapter(adapter, smallConfig);
  assert.is(opened.base, "the/base");
  const { tuning, parameters } = await adapterPolicy(opened, smallConfig);
  assert.equal(tuning, { type: "lora", rank, alpha, seed: 0, scope: "language" });
  for (const { name } of trainableParameters(smallConfig, tuning))
    assert.equal(parameters.get(name), values.get(name), name);
});

test("its bytes are golden: a bundle's adapter is made again and compared byte for byte", async () => {
  // Other bytes for the same policy need a new version of bundles (docs/bundle.md).
  const tensors = new Map([
    ["model.language_model.layers.0.mlp.down_proj.lora_B", tensor([2, 2], [1, -2, 0.5, 0])],
    ["model.language_model.layers.0.mlp.down_proj.lora_A", tensor([2, 3], [1, 2, 3, 4, 5, 6])],
  ]);
  const golden = join(folder, "golden");
  const notes = { "varft-policy.json": { run: "r", step: 2 } };
  await writeAdapter(golden, { tensors, rank: 2, alpha: 4, base: "the/base", notes });
  const hashes = new Map<string, string>();
  for (const file of await readdir(golden)) {
    hashes.set(file, hashName(await readFile(join(golden, file))));
  }
  assert.equal(Object.fromEntries(hashes), {
    "adapter_config.json": `sha256:${goldenHashes.config}`,
    "adapter_model.safetensors": `sha256:${goldenHashes.weights}`,
    "varft-policy.json": `sha256:${goldenHashes.origin}`,
  });
});

test("names of the older layout, and of a plain state dictionary, are read alike", async () => {
  const copy = await changed("old names", same, (tensors) => {
    const old = (name: string) =>
      name.replace("model.language_model.", "model.").replace(/lora_([AB])\./, "lora_$1.default.");
    return new Map([...tensors].map(([name, tensor]) => [old(name), tensor]));
  });
  const { parameters } = await adapterPolicy(await openAdapter(copy, smallConfig), smallConfig);
  const [name = ""] = parameters.keys();
  assert.equal(parameters.get(name), values.get(name));
});

test("keys that change nothing are passed over", async () => {
  const keys = {
    ...{
      lora_dropout: 0.1,
      target_modules: ["q_proj"],
      layers_to_transform: [1],
      revision: "main",
    },
    ...{ init_lora_weights: "gaussian", kasa_config: null, some_later_key: {} },
  };
  await openAdapter(await changed("inert", (json) => ({ ...json, ...keys })), smallConfig);
});

const refusedKeys: readonly (readonly [key: string, value: unknown, words: string])[] = [
  ["peft_type", "LOHA", "only LORA"],
  ["use_dora", true, "DoRA"],
  ["bias", "lora_only", "biases"],
  ["lora_bias", true, "biases inside"],
  ["modules_to_save", ["lm_head"], "beside the adapter"],
  ["init_lora_weights", "pissa", "changes the weights of the base"],
  ["rank_pattern", { "(": 4 }, "no regular expression"],
  ["some_later_key", { sparsity: 0.5 }, "something unknown"],
];
for (const [key, value, words] of refusedKeys) {
  test(`refuses ${key} = ${JSON.stringify(value)}`, async () => {
    const copy = await changed(`refused ${key}`, (json) => ({ ...json, [key]: value }));
    const names = [join(copy, "adapter_config.json"), `key ${key}`, words, "merge_and_unload"];
    const code = "adapter.key";
    await raises(() => openAdapter(copy, smallConfig), { type: AdapterError, code, names });
  });
}

const prefix = "base_model.model.model.language_model.layers";
const one = { shape: [1], data: Float32Array.of(1) };
const down = `${prefix}.0.mlp.up_proj.lora_A.weight`;
const refusedTensors: readonly (readonly [
  what: string,
  change: (tensors: Map<string, Tensor>) => Map<string, Tensor>,
  code: string,
  names: readonly string[],
])[] = [
  [
    "a magnitude of DoRA",
    (tensors) => tensors.set(`${prefix}.0.mlp.up_proj.lora_magnitude_vector`, one),
    "adapter.tensor",
    ["lora_magnitude_vector"],
  ],
  [
    "an adapter on the head",
    (tensors) => tensors.set("base_model.model.lm_head.lora_A.weight", one),
    "adapter.layer",
    ["lm_head.lora_A.weight", "head"],
  ],
  [
    "a layer that the model does not have",
    (tensors) => tensors.set(`${prefix}.7.mlp.up_proj.lora_A.weight`, one),
    "adapter.layer",
    ["layers.7.mlp.up_proj"],
  ],
  [
    "half an adapter",
    (tensors) => {
      tensors.delete(down);
      return tensors;
    },
    "adapter.half",
    ["lora_B.weight", "lacks its lora_A"],
  ],
  [
    "one layer in both layouts",
    (tensors) => tensors.set(down.replace("language_model.", ""), one),
    "adapter.tensor_twice",
    [down],
  ],
  ["another shape", (tensors) => tensors.set(down, one), "adapter.shape", [down, "[1]", "[3,32]"]],
  ["no adapter at all", () => new Map(), "adapter.empty", []],
];
for (const [what, change, code, names] of refusedTensors) {
  test(`refuses ${what}`, async () => {
    const copy = await changed(what, same, change);
    const file = join(copy, "adapter_model.safetensors");
    const expected = { type: AdapterError, code, names: [file, ...names] };
    await raises(() => openAdapter(copy, smallConfig), expected);
  });
}

test("a rank that contradicts the tensors is named with both files", async () => {
  const copy = await changed("rank", (json) => ({ ...json, r: 8 }));
  const names = ["adapter_model.safetensors", "adapter_config.json", "[3,32]", "[8,32]"];
  const expected = { type: AdapterError, code: "adapter.shape", names };
  await raises(() => openAdapter(copy, smallConfig), expected);
});

test("folders without the files, and pickled weights, are named", async () => {
  const copy = await changed("pickled", same);
  await rm(join(copy, "adapter_model.safetensors"));
  const code = "adapter.file_missing";
  const type = AdapterError;
  await raises(() => openAdapter(copy, smallConfig), { type, code, names: ["save_pretrained"] });
  await writeFile(join(copy, "adapter_model.bin"), "");
  await raises(() => openAdapter(copy, smallConfig), { type, code, names: ["safe_serialization"] });
  const nowhere = join(folder, "nowhere");
  const missing = { type: CheckpointError, code: "checkpoint.file_missing", names: [nowhere] };
  await raises(() => openAdapter(nowhere, smallConfig), missing);
});

test("a folder that holds something is never written into", async () => {
  const content = { tensors: withShapes("language"), rank, alpha, base: "b" };
  const type = OutputError;
  const full = { type, code: "output.not_empty", names: [adapter] };
  await raises(() => writeAdapter(adapter, content), full);
  const file = join(adapter, "adapter_config.json");
  const within = { type, code: "output.folder", names: [file] };
  await raises(() => writeAdapter(join(file, "inside"), content), within);
});

test.run();
