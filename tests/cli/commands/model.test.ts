// Goal: `varft model` tells what a checkpoint is, lets it speak, merges adapters into it and
// exports the policies of a run, to people and scripts.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodePng } from "../../../events/index.ts";
import {
  adapterPolicy,
  openAdapter,
  openCheckpoint,
  openPolicy,
  TensorCodec,
  type TensorMap,
  type Tuning,
  trainableParameters,
  writeAdapter,
  writeCheckpoint,
} from "../../../model/index.ts";
import { weightOf } from "../../model/parity/formula.ts";
import { picture } from "../../model-input/reference.ts";
import {
  adapterTensors,
  smallConfig,
  smallContent,
  smallTuning,
} from "../../model-output/small-base.ts";
import { varft } from "../fake-terminal.ts";
import { writePolicyRun } from "../policy-run.ts";

const test = suite("cli/model");
let folder = "";
let base = "";
let adapter = "";
let image = "";

function valuesOf(tuning: Tuning, salt: string): TensorMap {
  const parameters = trainableParameters(smallConfig, tuning);
  const salted = ({ name, shape }: { name: string; shape: readonly number[] }) =>
    weightOf({ name: `${salt}.${name}`, shape });
  return new Map(parameters.map((one) => [one.name, salted(one)]));
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-model-"));
  [base, adapter, image] = [join(folder, "base"), join(folder, "adapter"), join(folder, "a.png")];
  await writeCheckpoint(base, smallContent());
  const tensors = adapterTensors(valuesOf(smallTuning, "an"), smallTuning);
  const { rank, alpha } = smallTuning;
  await writeAdapter(adapter, { tensors, rank, alpha, base: "small" });
  const size = { width: 90, height: 60 };
  await writeFile(image, await encodePng(picture(90, 60).data, { ...size, channels: 3 }));
});

test.after(() => rm(folder, { recursive: true, force: true }));

test("the group and each of its commands explain themselves", async () => {
  const bare = await varft("model");
  assert.equal([bare.code, bare.out], [2, ""]);
  const names = [...bare.err.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, name]) => name ?? "");
  assert.equal(names, ["inspect", "generate", "merge", "export"]);
  assert.is((await varft("model", "--help")).out, bare.err);
  for (const name of names) {
    const { code, out } = await varft("model", name, "--help");
    assert.is(code, 0);
    assert.match(out, new RegExp(`EXAMPLES\n\n {2}varft model ${name} `));
  }
});

test("wrong words are named", async () => {
  const cases: readonly (readonly [words: string, told: string])[] = [
    ["inspct", 'no command "model inspct"; did you mean "model inspect"?'],
    ["inspect", "varft model inspect needs DIR"],
    ["generate d", "varft model generate needs --prompt"],
    ["generate d --prompt p --max-tokens 1.5", "--max-tokens is a whole number from 1 to 32768"],
    ["generate d --prompt p --temperature -1", "--temperature"],
    ["merge b a", "varft model merge needs --out"],
    ["merge b a -o c --dtype int8", '--dtype is base or f32, not "int8"'],
    ["export r -o c --step x", '--step is a number from 0 to 1000000, not "x"'],
  ];
  for (const [words, told] of cases) {
    const { code, out, err } = await varft("model", ...words.split(" "));
    assert.equal([code, out], [2, ""], words);
    assert.match(err, told);
  }
});

test("inspect tells sizes, files and memory", async () => {
  const { code, out } = await varft("model", "inspect", base);
  assert.is(code, 0);
  const parameters = trainableParameters(smallConfig, { type: "full" });
  const count = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  for (const words of [
    "2 layers of 32 (48 inside), 4 heads of 8 on 2 for keys and values",
    "28 pixels square, 4–16 to an image",
    "<|im_end|> ends a turn",
    "full attention in 1",
    "model.safetensors",
    "weights of the session generate",
    "(estimate)",
  ]) {
    assert.ok(out.includes(words), `${words}\n${out}`);
  }
  const told = JSON.parse((await varft("model", "inspect", base, "--json")).out);
  assert.equal([told.ok, told.architecture, told.parameters], [true, "qwen2_5_vl", count]);
  assert.equal(told.types, { F32: 4 * count });
  const sums = (key: string) =>
    told.parts.reduce((sum: number, part: Record<string, number>) => sum + (part[key] ?? 0), 0);
  assert.equal([sums("parameters"), sums("bytes"), sums("tensors")], [count, 4 * count, 56]);
  const [vision, generate, learn] = told.memory.sessions;
  assert.is(vision.parameters + generate.parameters, count);
  assert.is(learn.parameters, generate.parameters);
  // Keys and values, two layers, two heads of eight, four bytes.
  assert.is(told.memory.cacheBytesPer1000, 1_000 * 2 * 2 * 2 * 8 * 4);
  assert.is(told.memory.training.at(-1).bytes, 16 * count);
});

test("inspect tells of what keeps a model from being used, and fails", async () => {
  const broken = join(folder, "broken");
  await writeCheckpoint(broken, smallContent());
  await rm(join(broken, "preprocessor_config.json"));
  const { code, out } = await varft("model", "inspect", broken);
  assert.is(code, 1);
  assert.match(out, /problem {2}cannot read .*preprocessor_config\.json/);
});

/** Lines of JSON. */
function linesOf(out: string) {
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("generate tells the tokens as they come, and those of the engine", async () => {
  const words = ["model", "generate", base, "--image", image, "--prompt", "two cats"];
  const asked = [...words, "--max-tokens", "9", "--temperature", "0.7", "--seed", "5"];
  const { code, out } = await varft(...asked, "--json");
  assert.is(code, 0);
  const lines = linesOf(out);
  const last = lines.at(-1);
  const pieces = lines.slice(0, -1);
  assert.ok(pieces.length > 2, out);
  assert.equal(
    pieces.flatMap(({ ids }) => ids),
    last.ids,
  );
  assert.is(last.tokens, last.ids.length);
  assert.ok(last.text.startsWith(pieces.map(({ text }) => text).join("")));
  for (const key of ["loadSeconds", "firstTokenSeconds", "tokensPerSecond"])
    assert.ok(last[key] > 0, key);
  const again = linesOf((await varft(...asked, "--json")).out).at(-1);
  assert.equal(again.ids, last.ids);
  const told = await varft(...asked);
  // People get the words, and nothing that would steer their terminal.
  assert.is(told.out, `${last.text.replace(/[^\P{Cc}\n\t]/gu, "\ufffd")}\n`);
  assert.match(told.err, /^\d+ tokens after \d+ of prompt: ready in .* first token .* tokens\/s/);
});

test("an adapter that is put on says what its merged checkpoint says", async () => {
  const merged = join(folder, "merged");
  const { code, out } = await varft("model", "merge", base, adapter, "-o", merged);
  assert.is(code, 0, out);
  assert.match(out, /merged is .*base with 26 layers of .*adapter merged, in/);
  const ask = async (...words: readonly string[]) => {
    const argv = ["--image", image, "--prompt", "the dog", "--max-tokens", "12", "--json"];
    return linesOf((await varft("model", "generate", ...words, ...argv)).out).at(-1).ids;
  };
  const bare = await ask(base);
  const adapted = await ask(base, "--adapter", adapter);
  assert.not.equal(adapted, bare);
  assert.equal(await ask(merged), adapted);
});

test("a policy that was tuned by LoRA is exported as an adapter, step by step", async () => {
  const tuning = { ...smallTuning, scope: "language" } as const;
  const codec = new TensorCodec(trainableParameters(smallConfig, tuning));
  const values = ["zero", "one", "two"].map((salt) => valuesOf(tuning, salt));
  const policies = values.map((one) => codec.encode(one));
  const tune = `{ type = "lora", rank = ${tuning.rank}, alpha = ${tuning.alpha}, vision = false }`;
  const given = { run: "lora", directory: base, tune, policies };
  const names = await writePolicyRun(folder, given);
  for (const [step, words] of [
    [2, []],
    [0, ["--step", "0"]],
    [1, ["--step", "1"]],
  ] as const) {
    const out = join(folder, `lora ${step}`);
    const argv = ["model", "export", "lora", "-o", out, ...words, "--runs", folder];
    const told = JSON.parse((await varft(...argv, "--json")).out);
    assert.is(told.adaptsTower, false);
    assert.equal(
      [told.form, told.step, told.policy, told.base, told.types],
      ["adapter", step, names[step], base, ["F32"]],
    );
    const origin = JSON.parse(await readFile(join(out, "varft-policy.json"), "utf8"));
    assert.equal([origin.run, origin.step, origin.policy], ["lora", step, names[step]]);
    const opened = await openAdapter(out, smallConfig);
    assert.is(opened.base, base);
    const found = await adapterPolicy(opened, smallConfig);
    assert.equal({ ...found.tuning, seed: tuning.seed }, tuning);
    assert.equal(codec.encode(found.parameters), policies[step], "the policy, to the bit");
  }
});

test("who exports an adapter with a part on the tower is told what servers do with it", async () => {
  const codec = new TensorCodec(trainableParameters(smallConfig, smallTuning));
  const policies = [codec.encode(valuesOf(smallTuning, "zero"))];
  const { rank, alpha } = smallTuning;
  const tune = `{ type = "lora", rank = ${rank}, alpha = ${alpha}, vision = true }`;
  await writePolicyRun(folder, { run: "tower", directory: base, tune, policies });
  const argv = ["model", "export", "tower", "-o", join(folder, "tower out"), "--runs", folder];
  assert.match((await varft(...argv)).out, "--enable-tower-connector-lora");
});

test("a policy that was tuned in full is exported over the base it began with", async () => {
  const tuning = { type: "full", scope: "language" } as const;
  const codec = new TensorCodec(trainableParameters(smallConfig, tuning));
  const values = ["zero", "one"].map((salt) => valuesOf(tuning, salt));
  const policies = values.map((one) => codec.encode(one));
  const moved = join(folder, "moved");
  await writeCheckpoint(moved, smallContent({ dtype: "BF16" }));
  const tune = '{ type = "full", vision = false }';
  await writePolicyRun(folder, { run: "full", directory: moved, tune, policies });
  const [out, narrow] = [join(folder, "full out"), join(folder, "narrow out")];
  const argv = ["model", "export", "full", "--runs", folder];
  const wide = await varft(...argv, "-o", out, "--dtype", "f32");
  assert.equal([wide.code, wide.err], [0, ""]);
  assert.not.match(wide.out, "rounded");
  assert.match((await varft(...argv, "-o", narrow)).out, "rounded to BF16");
  const policy = await openPolicy({ directory: out, tuning, threads: 1, roles: [] });
  assert.equal(codec.encode(policy.trainable), policies[1], "the policy, to the bit");
  await policy.close();
  const [before, after] = [await openCheckpoint(moved), await openCheckpoint(out)];
  const frozen = "visual.blocks.0.attn.qkv.weight";
  assert.equal(await after.readFloat32(frozen), await before.readFloat32(frozen));

  const refused = await varft(...argv, "-o", join(folder, "no"), "--base", base);
  assert.is(refused.code, 3);
  assert.match(refused.err, /base is sha256:.*, the run began with sha256:.*--base DIR/);
  assert.is((await readdir(folder)).includes("no"), false);
});

test("a policy that is not there is named", async () => {
  const bytes = [0, 1].map((salt) => Uint8Array.of(salt));
  const tune = '{ type = "full", vision = false }';
  const given = { run: "lost", directory: base, tune, policies: bytes, lost: [1] };
  await writePolicyRun(folder, given);
  const argv = ["model", "export", "lost", "-o", join(folder, "no"), "--runs", folder];
  const lost = await varft(...argv);
  assert.is(lost.code, 3);
  assert.match(lost.err, /the policy sha256:\w+ after step 1 is not stored in lost/);
  const far = await varft(...argv, "--step", "2");
  assert.is(far.code, 1);
  assert.match(far.err, "lost has no policy after step 2; it learned up to step 1");
});

test.run();
