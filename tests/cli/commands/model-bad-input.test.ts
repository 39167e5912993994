// Goal: input that cannot be used is refused in one paragraph that names the file and the key.
// Method: a whole checkpoint, spoilt in one place at a time, and images that nobody can use.
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { initialPolicy } from "../../../actors/index.ts";
import { loadRunConfig } from "../../../config/index.ts";
import { encodePng, TerminalError } from "../../../events/index.ts";
import { writeCheckpoint } from "../../../model/index.ts";
import { raises } from "../../model-input/raises.ts";
import { smallConfigJson, smallContent } from "../../model-output/small-base.ts";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/model-bad-input");
let folder = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-bad-input-"));
  await writeCheckpoint(join(folder, "base"), smallContent({ shardBytesMax: 60_000 }));
});

test.after(() => rm(folder, { recursive: true, force: true }));

/**
 * What a command says of a copy of the checkpoint after `spoil`, which resolves to what it names.
 */
async function refusal(
  name: string,
  spoil: (directory: string) => Promise<readonly string[]>,
  words: readonly string[] = ["--prompt", "the image"],
): Promise<void> {
  const directory = join(folder, name);
  await cp(join(folder, "base"), directory, { recursive: true });
  const named = await spoil(directory);
  await refused(["generate", directory, ...words], named);
}

async function refused(words: readonly string[], named: readonly string[]): Promise<void> {
  const { code, out, err } = await varft("model", ...words);
  assert.equal([code, out], [1, ""], err);
  for (const part of named) assert.ok(err.includes(part), `"${part}" is missing in: ${err}`);
  assert.not.match(err, "VARFT_DEBUG");
}

type Json = Record<string, unknown>;

/** Changes a JSON file of a checkpoint; resolves to its path. */
async function edit(directory: string, file: string, change: (json: Json) => Json) {
  const path = join(directory, file);
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, "utf8")))));
  return path;
}

const index = "model.safetensors.index.json";
const tensor = "model.layers.0.mlp.up_proj.weight";

/** The shard that holds `tensor`. */
async function shardOf(directory: string): Promise<string> {
  const { weight_map } = JSON.parse(await readFile(join(directory, index), "utf8"));
  return join(directory, weight_map[tensor]);
}

test("a shard that is missing", () =>
  refusal("missing shard", async (directory) => {
    const file = await shardOf(directory);
    await rm(file);
    return [`${file} is missing`, index, "tensor ", "in it; fetch"];
  }));

test("a shard that was cut off", () =>
  refusal("cut shard", async (directory) => {
    const file = await shardOf(directory);
    await writeFile(file, (await readFile(file)).subarray(0, 4_000));
    return [file, "is cut short"];
  }));

test("weights of a type that holds no weights", () =>
  refusal("wrong type", async (directory) => {
    const file = await shardOf(directory);
    const bytes = (await readFile(file)).toString("latin1");
    const entry = `"${tensor}":{"dtype":"F32"`;
    assert.ok(bytes.includes(entry));
    await writeFile(file, Buffer.from(bytes.replace(entry, entry.replace("F32", "I32")), "latin1"));
    return [file, `tensor ${tensor}`, "I32", "only BF16, F16 and F32"];
  }));

test("a shape that contradicts the configuration", () =>
  refusal("wrong shape", async (directory) => {
    await edit(directory, "config.json", (json) => ({ ...json, intermediate_size: 64 }));
    return [
      ".safetensors: tensor model.layers.0.mlp.",
      "has shape [48,32]",
      "config.json",
      "[64,32]",
    ];
  }));

const configs: readonly (readonly [what: string, change: Json, named: readonly string[]])[] = [
  [
    "an architecture that is not supported",
    { model_type: "llama", architectures: ["LlamaForCausalLM"] },
    ['key model_type: "llama" (LlamaForCausalLM)', "only qwen2_5_vl"],
  ],
  ["the architecture before it", { model_type: "qwen2_vl" }, ['"qwen2_vl"', "only qwen2_5_vl"]],
  ["no architecture", { model_type: undefined }, ["key model_type is missing"]],
  ["a missing size", { hidden_size: undefined }, ["key hidden_size"]],
  ["a size that is text", { vision_config: { depth: "2" } }, ["key vision_config.depth"]],
  ["quantised weights", { quantization_config: { bits: 4 } }, ["key quantization_config"]],
  [
    "other rotary angles",
    { rope_scaling: { type: "yarn", factor: 4, mrope_section: [1, 1, 2] } },
    ["rope_scaling.type"],
  ],
  ["windows in the language model", { use_sliding_window: true }, ["key use_sliding_window"]],
];
for (const [what, change, named] of configs) {
  test(`in config.json, ${what}`, () =>
    refusal(what, async (directory) => {
      const file = await edit(directory, "config.json", (json) => ({ ...json, ...change }));
      return [file, ...named];
    }));
}

async function addToken(directory: string): Promise<readonly string[]> {
  const id = smallConfigJson.vocab_size;
  const added = { id, content: "<|extra|>", special: true };
  const tokens = (json: Json) => [...(json["added_tokens"] as Json[]), added];
  const file = await edit(directory, "tokenizer.json", (json) => {
    return { ...json, added_tokens: tokens(json) };
  });
  return [file, `ids up to ${id}`, `vocab_size = ${id} rows`];
}

test("a vocabulary beyond the embedding", () => refusal("vocabulary", addToken));

const beforeRuns: readonly (readonly [
  what: string,
  spoil: (directory: string) => Promise<readonly string[]>,
  code: string,
])[] = [
  ["a vocabulary beyond the embedding", addToken, "tokenizer.vocabulary"],
  [
    "a frozen tensor of another shape",
    async (directory) => {
      const vision = { ...smallConfigJson.vision_config, intermediate_size: 64 };
      await edit(directory, "config.json", (json) => ({ ...json, vision_config: vision }));
      return [directory, "tensor visual.blocks.0.mlp.", "has shape [40,32]", "[64,32]"];
    },
    "checkpoint.shape",
  ],
  [
    "images cut otherwise than the tower reads them",
    async (directory) => {
      const change = (json: Json) => ({ ...json, patch_size: 16 });
      return [await edit(directory, "preprocessor_config.json", change), "key patch_size"];
    },
    "checkpoint.key",
  ],
];
for (const [what, spoil, code] of beforeRuns) {
  test(`before a run begins, ${what}`, async () => {
    const directory = join(folder, `of a run, ${what}`);
    await cp(join(folder, "base"), directory, { recursive: true });
    const names = await spoil(directory);
    const config = await loadRunConfig("config/quickstart.toml", [
      `model.directory=${JSON.stringify(directory)}`,
    ]);
    await raises(() => initialPolicy(config), { type: TerminalError, code, names });
  });
}

test("fewer layers in the configuration than in the files", () =>
  refusal("fewer layers", async (directory) => {
    await edit(directory, "config.json", (json) => ({ ...json, num_hidden_layers: 1 }));
    return [directory, ".safetensors: tensor model.layers.1.", "num_hidden_layers = 1"];
  }));

test("an image token that is another one in the tokenizer", () =>
  refusal("image token", async (directory) => {
    await edit(directory, "config.json", (json) => ({ ...json, image_token_id: 7 }));
    const file = join(directory, "tokenizer.json");
    return [`${file} gives <|image_pad|> the id`, "config.json: key image_token_id: 7"];
  }));

test("an end of turns that is no token of the model", () =>
  refusal("end of turns", async (directory) => {
    const file = await edit(directory, "generation_config.json", () => ({ eos_token_id: [9_999] }));
    return [`${file}: key eos_token_id: 9999`, `vocab_size = ${smallConfigJson.vocab_size}`];
  }));

const preprocessors: readonly (readonly [key: string, value: number, towerKey: string])[] = [
  ["patch_size", 16, "patch_size is 14"],
  ["merge_size", 1, "spatial_merge_size is 2"],
  ["temporal_patch_size", 1, "temporal_patch_size is 2"],
];
for (const [key, value, towerKey] of preprocessors) {
  test(`images cut otherwise than the tower reads them: ${key}`, async () => {
    const image = join(folder, `${key}.png`);
    await writeFile(image, await png(90, 60));
    const spoil = async (directory: string) => {
      const file = "preprocessor_config.json";
      const path = await edit(directory, file, (json) => ({ ...json, [key]: value }));
      return [`${path}: key ${key}: ${value}`, `vision_config.${towerKey} in config.json`];
    };
    await refusal(`tower ${key}`, spoil, ["--image", image, "--prompt", "the image"]);
  });
}

test("inspect finds the same, and tells the rest", async () => {
  const told = async (name: string) => {
    const { code, out, err } = await varft("model", "inspect", join(folder, name));
    assert.is(code, 1, name);
    return out + err;
  };
  assert.match(await told("tower patch_size"), "problem  ");
  assert.match(await told("tower patch_size"), "key patch_size: 16");
  assert.match(await told("image token"), "key image_token_id: 7");
  assert.match(await told("end of turns"), "key eos_token_id: 9999");
  assert.match(await told("wrong type"), "only BF16, F16 and F32");
  assert.match(await told("wrong shape"), "has shape [48,32]");
  assert.match(await told("fewer layers"), "num_hidden_layers = 1");
});

test("a chat template that throws", () =>
  refusal("throwing template", async (directory) => {
    const thrown = "{{ raise_exception('no system message') }}";
    const file = await edit(directory, "chat_template.json", () => ({ chat_template: thrown }));
    return [`${file}, key chat_template`, "refuses these messages", "no system message"];
  }));

test("a chat template that does not parse", () =>
  refusal("broken template", async (directory) => {
    await rm(join(directory, "chat_template.json"));
    const file = join(directory, "chat_template.jinja");
    await writeFile(file, "{% for message in messages %}");
    return [file, "does not parse"];
  }));

/** The head of a PNG of this size, without a single whole row. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const data = chunk("IDAT", deflateSync(Buffer.alloc(64)));
  return Buffer.concat([signature, chunk("IHDR", head), data, chunk("IEND", Buffer.of())]);
}

async function png(width: number, height: number): Promise<Uint8Array> {
  return encodePng(new Uint8Array(3 * width * height), { width, height, channels: 3 });
}

const images: readonly (readonly [
  name: string,
  bytes: () => Uint8Array | Promise<Uint8Array>,
  named: readonly string[],
])[] = [
  ["dot.png", () => png(1, 1), ["has 1x1 pixels", "at least 2"]],
  ["line.png", () => png(1, 40), ["has 1x40 pixels"]],
  ["long.png", () => png(2_000, 9), ["2000x9", "too elongated", "200 times"]],
  ["huge.png", () => hugePng(20_000, 20_000), ["20000x20000", "above the limit of 64000000"]],
  ["text.png", () => Buffer.from("no image"), ["is not PNG, JPEG or WebP"]],
  ["cut.png", async () => (await png(40, 40)).subarray(0, 60), ["does not decode as png"]],
];
for (const [name, bytes, named] of images) {
  test(`the image ${name}`, async () => {
    const file = join(folder, name);
    await writeFile(file, await bytes());
    const words = ["--image", file, "--prompt", "what is it?"];
    await refused(["generate", join(folder, "base"), ...words], [file, ...named]);
  });
}

test("files and folders that are not there, or are something else", async () => {
  const base = join(folder, "base");
  const gone = join(folder, "gone");
  await refused(["inspect", gone], [join(gone, "config.json"), "cannot be read"]);
  await refused(["generate", base, "--prompt", "p", "--image", `${gone}.png`], [`${gone}.png`]);
  await refused(["generate", base, "--prompt", "p", "--adapter", gone], ["adapter_config.json"]);
  await refused(["merge", base, base, "-o", gone], [join(base, "adapter_config.json")]);
  await refused(["merge", gone, base, "-o", gone], [gone]);
});

test("an adapter in the place of a checkpoint", async () => {
  const adapter = join(folder, "adapter");
  await cp(join(folder, "base"), adapter, { recursive: true });
  await rm(join(adapter, "config.json"));
  await writeFile(join(adapter, "adapter_config.json"), "{}");
  await refused(["inspect", adapter], ["this folder is an adapter"]);
});

test.run();
