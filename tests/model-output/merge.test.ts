// Goal: a merged folder differs from its base in the adapted weights and in nothing else.
// Method: the bytes of both folders, and the product worked out in float64.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  mergeAdapter,
  OutputError,
  openCheckpoint,
  trainableParameters,
  writeAdapter,
  writeCheckpoint,
} from "../../model/index.ts";
import { bfloat16Value, CheckpointError } from "../../model/input/index.ts";
import { weightOf } from "../model/parity/formula.ts";
import { raises } from "../model-input/raises.ts";
import { adapterTensors, smallConfig, smallContent, smallTuning } from "./small-base.ts";

const test = suite("model-output/merge");
const tuning = { ...smallTuning, scope: "language" } as const;
const { rank, alpha } = tuning;
const values = new Map(
  trainableParameters(smallConfig, tuning).map((parameter) => [
    parameter.name,
    weightOf(parameter),
  ]),
);
const options = { dtype: "base" } as const;
let folder = "";
let adapter = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-merge-"));
  adapter = join(folder, "adapter");
  const tensors = adapterTensors(values, tuning);
  await writeAdapter(adapter, { tensors, rank, alpha, base: "b" });
});

test.after(() => rm(folder, { recursive: true, force: true }));

/** weight + scale · up · down of a layer, in float64. */
function mergedBy(layer: string, weight: Float32Array): number[] {
  const down = values.get(`${layer}.lora_A.weight`) ?? new Float32Array();
  const up = values.get(`${layer}.lora_B.weight`) ?? new Float32Array();
  const inSize = down.length / rank;
  return Array.from(weight, (value, at) => {
    const [row, column] = [Math.floor(at / inSize), at % inSize];
    let sum = 0;
    for (let k = 0; k < rank; k++)
      sum += (up[row * rank + k] ?? 0) * (down[k * inSize + column] ?? 0);
    return value + (alpha / rank) * sum;
  });
}

for (const dtype of ["BF16", "F16", "F32"] as const) {
  test(`of a sharded ${dtype} base: shards, types and other tensors stay`, async () => {
    const base = join(folder, `${dtype} base`);
    const merged = join(folder, `${dtype} merged`);
    await writeCheckpoint(base, smallContent({ dtype, shardBytesMax: 60_000 }));
    await writeFile(join(base, "merges.txt"), "a b\n");
    await writeFile(join(base, "pytorch_model.bin"), "stale");
    await mkdir(join(base, ".cache"));
    const done: number[] = [];
    const onProgress = (bytes: number, total: number) => done.push(bytes / total);
    const told = await mergeAdapter(base, adapter, merged, { ...options, onProgress });
    assert.equal(told, { layers: values.size / 2, adapterBase: "b", types: [dtype] });
    assert.is(done.at(-1), 1);
    assert.ok(done.every((share, at) => share >= (done[at - 1] ?? 0)));
    const files = (await readdir(base)).filter((file) => !/^(\.cache|pytorch)/.test(file));
    assert.equal((await readdir(merged)).sort(), files.sort());
    for (const file of files.filter((name) => !name.endsWith(".safetensors")))
      assert.equal(await readFile(join(merged, file)), await readFile(join(base, file)), file);
    const [before, after] = [await openCheckpoint(base), await openCheckpoint(merged)];
    assert.equal([...after.tensors.keys()], [...before.tensors.keys()]);
    for (const [name, { shape }] of before.tensors) {
      assert.is(after.entry(name, shape).dtype, dtype);
      const weight = await before.readFloat32(name);
      const layer = name.replace(/\.weight$/, "");
      const adapted = values.has(`${layer}.lora_A.weight`);
      const found = await after.readFloat32(name);
      if (adapted) nearlyEqual(found, mergedBy(layer, weight), dtype);
      else assert.equal(found, weight, name);
    }
  });
}

/** Each value is the exact one rounded to the type. */
function nearlyEqual(found: Float32Array, exact: readonly number[], dtype: string): void {
  const unit = { BF16: 2 ** -8, F16: 2 ** -11, F32: 2 ** -23 }[dtype] ?? 0;
  for (const [at, value] of exact.entries()) {
    const difference = Math.abs((found[at] ?? Number.NaN) - value);
    assert.ok(difference <= unit * Math.abs(value) + 1e-7, `${found[at]} for ${value}`);
    if (dtype === "BF16") assert.is(found[at], bfloat16Value(found[at] ?? 0));
  }
}

test("widened to float32, nothing is rounded and the configuration says so", async () => {
  const base = join(folder, "narrow");
  const merged = join(folder, "wide");
  const narrow = smallContent({ dtype: "BF16" });
  const config = { ...narrow.config, torch_dtype: "bfloat16", text_config: { dtype: "bfloat16" } };
  await writeCheckpoint(base, { ...narrow, config });
  await mergeAdapter(base, adapter, merged, { dtype: "F32" });
  const written = JSON.parse(await readFile(join(merged, "config.json"), "utf8"));
  assert.equal(written, { ...config, torch_dtype: "float32", text_config: { dtype: "float32" } });
  const layer = "model.layers.1.mlp.down_proj";
  const [before, after] = [await openCheckpoint(base), await openCheckpoint(merged)];
  for (const entry of after.tensors.values()) assert.is(entry.dtype, "F32");
  const weight = await before.readFloat32(`${layer}.weight`);
  nearlyEqual(await after.readFloat32(`${layer}.weight`), mergedBy(layer, weight), "F32");
});

test("what fails or is stopped leaves nothing behind, and nothing is overwritten", async () => {
  const base = join(folder, "base");
  const merged = join(folder, "stopped");
  await writeCheckpoint(base, smallContent());
  const stop = new AbortController();
  const stopping = { ...options, signal: stop.signal, onProgress: () => stop.abort() };
  let stopped = "";
  await mergeAdapter(base, adapter, merged, stopping).catch((error: Error) => {
    stopped = error.name;
  });
  assert.is(stopped, "AbortError");
  assert.is((await readdir(folder)).includes("stopped"), false);
  const expected = { type: OutputError, code: "output.not_empty", names: [base] };
  await raises(() => mergeAdapter(base, adapter, base, options), expected);
});

test("a base whose weights contradict its configuration is named", async () => {
  const base = join(folder, "contradiction");
  const content = smallContent();
  const tensors = new Map(content.tensors);
  const name = "model.layers.0.mlp.up_proj.weight";
  tensors.set(name, { shape: [2, 2], data: new Float32Array(4) });
  await writeCheckpoint(base, { ...content, tensors });
  const names = [join(base, "model.safetensors"), name, "[2,2]", "[48,32]", "config.json"];
  const expected = { type: CheckpointError, code: "checkpoint.shape", names };
  await raises(() => mergeAdapter(base, adapter, join(folder, "no"), options), expected);
});

test.run();
