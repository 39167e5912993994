// Goal: a `config.json` means what it means to transformers.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ModelConfigError, parseModelConfig } from "../../model/index.ts";
import { raises } from "../model-input/raises.ts";
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

test("a head size may be told, and is then the one that the layers have", () => {
  assert.is(textOf({ head_dim: 8 }).headSize, 8);
  assert.is(textOf({ head_dim: null }).headSize, 8);
});

const tower = tinyConfigJson.vision_config;
const contradictions: readonly (readonly [what: string, change: object, key: string])[] = [
  ["another head size than the layers have", { head_dim: 16 }, "head_dim: 16"],
  ["a width that no head divides", { hidden_size: 30 }, "hidden_size"],
  ["heads that do not share keys evenly", { num_key_value_heads: 3 }, "num_attention_heads"],
  ["too few rotary frequencies", { rope_scaling: { mrope_section: [1, 1, 1] } }, "mrope_section"],
  [
    "a tower of heads that rotary angles do not fit",
    { vision_config: { ...tower, hidden_size: 12 } },
    "vision_config.hidden_size",
  ],
  [
    "a tower that is as wide as no token",
    { vision_config: { ...tower, out_hidden_size: 16 } },
    "vision_config.out_hidden_size",
  ],
  [
    "a window smaller than one image token",
    { vision_config: { ...tower, window_size: 7 } },
    "vision_config.window_size",
  ],
  ["an image token beyond the embedding", { image_token_id: 64 }, "image_token_id"],
  [
    "two rotary bases",
    { rope_theta: 10_000, rope_scaling: { mrope_section: [1, 1, 2], rope_theta: 1e6 } },
    "rope_theta: 10000, but 1000000",
  ],
  [
    "another rotary base of the tower",
    { vision_config: { ...tower, rope_parameters: { rope_theta: 1e6, rope_type: "axial" } } },
    "vision_config.rope_parameters.rope_theta",
  ],
  ["layers that look through windows", { layer_types: ["sliding_attention"] }, "layer_types.0"],
];
for (const [what, change, key] of contradictions) {
  test(`refuses ${what}, by file and key`, () =>
    raises(() => parseModelConfig({ ...tinyConfigJson, ...change }, "some/config.json"), {
      type: ModelConfigError,
      code: "model.config",
      names: ["some/config.json: key ", key],
    }));
}

test.run();
