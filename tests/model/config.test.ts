// Goal: a `config.json` means what it means to transformers.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseModelConfig } from "../../model/index.ts";
import { tinyConfigJson } from "./tiny-model.ts";

const test = suite("model/config");

function textOf(changes: object) {
  const { rms_norm_eps: _norm, tie_word_embeddings: _tied, ...bare } = tinyConfigJson;
  return parseModelConfig({ ...bare, ...changes }).text;
}

test("what a file leaves out is what transformers takes", () => {
  const { normEpsilon, tieEmbeddings } = textOf({});
  assert.equal([normEpsilon, tieEmbeddings], [1e-5, false]);
});

test("embeddings are tied when either place says so", () => {
  const tied = (outer: boolean, inner: boolean) =>
    textOf({ tie_word_embeddings: outer, text_config: { tie_word_embeddings: inner } });
  const pairs = [false, true].flatMap((outer) => [false, true].map((inner) => [outer, inner]));
  const found = pairs.map(([outer = false, inner = false]) => tied(outer, inner).tieEmbeddings);
  assert.equal(found, [false, true, true, true]);
});

test.run();
