// Goal: the checkpoints of noise that stand for the published ones have their sizes: as many
// parameters as the model cards say, and a vocabulary as long, which reads what it writes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelParameters, parseModelConfig } from "../../model/index.ts";
import { createTokenizer, elementCount, qwenChatTemplate } from "../../model/input/index.ts";
import { modelMemory } from "../../model/inspect/memory.ts";
import { modelParts, partOf } from "../../model/inspect/parts.ts";
import { configJson, tokenizerJson } from "../../scripts/random-checkpoint.ts";

const test = suite("published sizes");

// The sums of the shapes in the safetensors files of the published checkpoints.
for (const [size, count] of [
  ["3b", 3_754_622_976],
  ["7b", 8_292_166_656],
] as const) {
  test(`${size} has ${count} parameters`, () => {
    const parameters = modelParameters(parseModelConfig(configJson(size)));
    const sizes = parameters.map(({ shape }) => elementCount(shape));
    assert.is(
      sizes.reduce((sum, one) => sum + one, 0),
      count,
    );
  });
}

test("3b is kept in its files' type on CPU and CUDA, and as float32 by WebGPU", () => {
  const config = parseModelConfig(configJson("3b"));
  const parts = modelParts.map((part) => {
    const own = modelParameters(config).filter(({ name }) => partOf(name) === part);
    const parameters = own.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    return { part, tensors: own.length, parameters, bytes: 2 * parameters };
  });
  const { sessions, mapped } = modelMemory(config, parts);
  assert.ok(mapped);
  for (const { keptBytes, parameters } of sessions) {
    const [narrow, wide] = [2 * parameters, 4 * parameters];
    assert.equal(keptBytes, { cpu: narrow, cuda: narrow, webgpu: wide });
  }
});

test("a vocabulary of 151,665 tokens reads what it writes", () => {
  const tokenizer = createTokenizer({
    tokenizerJson: tokenizerJson(),
    tokenizerConfig: { eos_token: "<|im_end|>" },
    chatTemplate: qwenChatTemplate,
  });
  assert.is(tokenizer.vocabularySize, 151_665);
  assert.is(tokenizer.id("<|im_end|>"), 151_645);
  const text = "Was zeigt das Bild? \u4f60\u597d, \ud83d\ude80 3.14\n";
  assert.is(tokenizer.decode(tokenizer.encode(text, { special: false })), text);
});

test.run();
