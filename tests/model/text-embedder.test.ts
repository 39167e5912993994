// Goal: a folder of a sentence-transformers model is read as it is downloaded, pooled as it says,
// and named by its hash; what it lacks is named.
// Method: a BERT-like model of six words that the test makes: a table of vectors as ONNX, WordPiece
// as tokenizer.json.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EmbedderError, openTextEmbedder } from "../../model/index.ts";
import { raises } from "../model-input/raises.ts";
import { tinyEmbedderVectors, writeTinyEmbedder } from "./tiny-embedder.ts";

const test = suite("model/text embedder");
let root = "";
test.before(async () => {
  root = await mkdtemp(join(tmpdir(), "varft-embedder-"));
});
test.after(() => rm(root, { recursive: true, force: true }));

async function folder(name: string, options: Parameters<typeof writeTinyEmbedder>[1] = {}) {
  const directory = join(root, name);
  await mkdir(directory);
  await writeTinyEmbedder(directory, options);
  return directory;
}

const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

test("a text is the mean of its words' vectors, of length 1", async () => {
  const embedder = await openTextEmbedder(await folder("mean"));
  const { cls, sep, who, made } = tinyEmbedderVectors;
  const sum = cls.map((value, index) => {
    return value + (sep[index] ?? 0) + (who[index] ?? 0) + (made[index] ?? 0);
  });
  const length = Math.hypot(...sum);
  const vector = await embedder.embed("Who made");
  for (const [index, value] of vector.entries()) {
    assert.ok(Math.abs(value - (sum[index] ?? 0) / length) < 1e-6, `${index}: ${value}`);
  }
  assert.ok(Math.abs(cosine(vector, vector) - 1) < 1e-6);
  assert.equal(await embedder.embed("Who made"), vector);
  const other = await embedder.embed("red");
  assert.ok(cosine(vector, other) < 0.99);
  await embedder.close();
});

test("what the folder says of pooling and length is done", async () => {
  const first = await openTextEmbedder(await folder("cls", { pooling: "cls" }));
  const { cls } = tinyEmbedderVectors;
  const vector = await first.embed("who made");
  assert.ok(Math.abs(cosine(vector, Float32Array.from(cls)) / Math.hypot(...cls) - 1) < 1e-6);
  await first.close();
  const short = await openTextEmbedder(await folder("short", { tokensMax: 3 }));
  assert.equal(await short.embed("who made red"), await short.embed("who"));
  await short.close();
});

test("its hash is that of its files", async () => {
  const hashes: string[] = [];
  for (const [name, options] of [
    ["one", {}],
    ["two", {}],
    ["three", { pooling: "cls" }],
  ] as const) {
    const embedder = await openTextEmbedder(await folder(name, options));
    hashes.push(embedder.hash);
    await embedder.close();
  }
  assert.is(hashes[0], hashes[1]);
  assert.is.not(hashes[0], hashes[2]);
});

test("a folder without a model, or with one that is none, is named", async () => {
  const type = { type: EmbedderError, code: "embedder" };
  const empty = join(root, "empty");
  await mkdir(empty);
  await raises(() => openTextEmbedder(empty), { ...type, names: [empty, "onnx/model.onnx"] });
  const broken = await folder("broken");
  await writeFile(join(broken, "model.onnx"), "no model");
  await raises(() => openTextEmbedder(broken), { ...type, names: ["model.onnx cannot be opened"] });
  const odd = await folder("odd", { output: "logits" });
  const second = await openTextEmbedder(odd);
  await second.close();
  const pooling = await folder("max", { pooling: "max" });
  await raises(() => openTextEmbedder(pooling), { ...type, names: ["1_Pooling", "mean and cls"] });
  const wordless = await folder("wordless");
  await rm(join(wordless, "tokenizer.json"));
  await raises(() => openTextEmbedder(wordless), { ...type, names: ["no tokenizer.json"] });
});

test.run();
