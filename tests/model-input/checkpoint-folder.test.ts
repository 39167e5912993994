// Goal: a folder that we write is a complete checkpoint, the same bytes every time.
// Method: write it twice, as one file and as shards, and open each part again.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type CheckpointContent,
  CheckpointError,
  openCheckpoint,
  openTokenizer,
  qwenChatTemplate,
  readGenerationConfig,
  readPreprocessor,
  type Tensor,
  TokenizerError,
  writeCheckpoint,
} from "../../model/input/index.ts";
import { raises } from "./raises.ts";
import { smallTokenizerConfig, smallTokenizerJson } from "./small-tokenizer.ts";
import { withFolder } from "./temporary-folder.ts";

const test = suite("model-input/checkpoint-folder");

const tensors = new Map(
  ["c", "a", "b"].map((name, index): [string, Tensor] => [
    name,
    { shape: [2, 2], data: Float32Array.of(index, 1, -2, 0.5) },
  ]),
);

const sizes = { vocabularySize: 8 };
const content: CheckpointContent = {
  config: { model_type: "qwen2_5_vl" },
  tensors,
  tokenizerJson: smallTokenizerJson(),
  tokenizerConfig: smallTokenizerConfig,
  preprocessor: { patch_size: 14, min_pixels: 784, max_pixels: 50176 },
  generationConfig: { eos_token_id: [7, 3, 7] },
  chatTemplate: qwenChatTemplate,
  dtype: "BF16",
};

async function bytesOf(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    files[name] = (await readFile(join(folder, name))).toString("base64");
  }
  return files;
}

test("every part of a written folder opens", async () => {
  await withFolder(async (folder) => {
    await writeCheckpoint(folder, content);
    assert.equal((await readdir(folder)).sort(), [
      "chat_template.json",
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "preprocessor_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const values = await (await openCheckpoint(folder)).readFloat32("b", [2, 2]);
    assert.equal([...values], [2, 1, -2, 0.5]);
    const tokenizer = await openTokenizer(folder);
    assert.is(tokenizer.decode(tokenizer.encode("two cats", { special: false })), "two cats");
    assert.equal(await readGenerationConfig(folder, sizes), { endIds: [3, 7] });
    const preprocessor = await readPreprocessor(folder);
    assert.equal([preprocessor.pixelsMin, preprocessor.pixelsMax], [784, 50176]);
    assert.is(preprocessor.rescaleFactor, 1 / 255);
  });
});

test("two writings have the same bytes, and shards hold the same values", async () => {
  await withFolder(async (folder) => {
    const reversed = new Map([...tensors].reverse());
    await writeCheckpoint(join(folder, "1"), content);
    await writeCheckpoint(join(folder, "2"), { ...content, tensors: reversed });
    assert.equal(await bytesOf(join(folder, "1")), await bytesOf(join(folder, "2")));

    await writeCheckpoint(join(folder, "2"), { ...content, shardBytesMax: 16 });
    const names = await readdir(join(folder, "2"));
    assert.equal(names.filter((name) => name.startsWith("model")).sort(), [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    const whole = await openCheckpoint(join(folder, "1"));
    const sharded = await openCheckpoint(join(folder, "2"));
    for (const name of tensors.keys()) {
      assert.equal(await sharded.readFloat32(name), await whole.readFloat32(name));
    }
  });
});

test("a preprocessor may name its areas as newer tools do", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "preprocessor_config.json");
    await writeFile(file, JSON.stringify({ size: { shortest_edge: 3136, longest_edge: 9408 } }));
    const { pixelsMin, pixelsMax } = await readPreprocessor(folder);
    assert.equal([pixelsMin, pixelsMax], [3136, 9408]);
    await writeFile(file, "{}");
    const { mean, ...rest } = await readPreprocessor(folder);
    assert.equal(mean, [0.48145466, 0.4578275, 0.40821073]);
    assert.equal([rest.pixelsMin, rest.pixelsMax], [3136, 1003520]);
  });
});

test("an image processor among others goes first, as in transformers", async () => {
  await withFolder(async (folder) => {
    const [published, later] = ["preprocessor_config.json", "processor_config.json"];
    await writeFile(join(folder, published), JSON.stringify({ max_pixels: 9408 }));
    const found = async () => (await readPreprocessor(folder)).pixelsMax;
    await writeFile(join(folder, later), JSON.stringify({ processor_class: "some" }));
    assert.is(await found(), 9408);
    const both = { image_processor: { max_pixels: 12544 }, processor_class: "some" };
    await writeFile(join(folder, later), JSON.stringify(both));
    assert.is(await found(), 12544);
  });
});

test("malformed files of a folder are named with their key", async () => {
  const type = CheckpointError;
  await withFolder(async (folder) => {
    const code = "checkpoint.file_missing";
    await raises(() => readPreprocessor(folder), { type, code, names: ["preprocessor_config"] });
    await raises(() => openTokenizer(folder), { type, code, names: ["tokenizer.json"] });
    await raises(() => readGenerationConfig(folder, sizes), { type, code, names: [folder] });

    await writeCheckpoint(folder, { ...content, preprocessor: { do_resize: false } });
    await raises(() => readPreprocessor(folder), {
      type,
      code: "checkpoint.key",
      names: ["preprocessor_config.json", "do_resize"],
    });
    await writeCheckpoint(folder, { ...content, preprocessor: { min_pixels: 9, max_pixels: 8 } });
    await raises(() => readPreprocessor(folder), {
      type,
      code: "checkpoint.key",
      names: ["min_pixels"],
    });
    await writeCheckpoint(folder, { ...content, tokenizerConfig: {} });
    await raises(() => openTokenizer(folder), {
      type,
      code: "checkpoint.key",
      names: ["tokenizer_config.json", "eos_token"],
    });
    await writeCheckpoint(folder, { ...content, generationConfig: { eos_token_id: [] } });
    await raises(() => readGenerationConfig(folder, sizes), {
      type,
      code: "checkpoint.key",
      names: ["eos_token_id"],
    });
    await writeFile(join(folder, "tokenizer.json"), "[1");
    await raises(() => openTokenizer(folder), { type, code: "checkpoint.json" });
  });
});

test("a chat template in its own file goes first, and one must exist", async () => {
  await withFolder(async (folder) => {
    await writeCheckpoint(folder, { ...content, chatTemplate: "json" });
    const render = async () =>
      (await openTokenizer(folder)).renderChat([], { addGenerationPrompt: true });
    assert.is(await render(), "json");
    const jinja = join(folder, "chat_template.jinja");
    await writeFile(jinja, "json\n");
    assert.is(await render(), "json");
    await writeFile(jinja, "jinja");
    await raises(render, {
      type: TokenizerError,
      code: "tokenizer.chat_template",
      names: [join(folder, "chat_template.json"), "key chat_template", "chat_template.jinja"],
    });
    await rm(join(folder, "chat_template.json"));
    assert.is(await render(), "jinja");
  });
  await withFolder(async (folder) => {
    const named = ["tools", "default"].map((name) => ({ name, template: `of ${name}` }));
    const tokenizerConfig = { ...smallTokenizerConfig, chat_template: named };
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(content.tokenizerJson));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(tokenizerConfig));
    const rendered = (await openTokenizer(folder)).renderChat([], { addGenerationPrompt: true });
    assert.is(rendered, "of default");
  });
  await withFolder(async (folder) => {
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(content.tokenizerJson));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(smallTokenizerConfig));
    await raises(() => openTokenizer(folder), {
      type: TokenizerError,
      code: "tokenizer.chat_template",
      names: [folder, "chat_template.jinja"],
    });
  });
});

test.run();
