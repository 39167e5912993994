// Goal: the policy is Qwen2.5-VL as transformers, torch and peft compute it.
// Method: what they computed, recorded by tests/reference/qwen_parity.py, against ours. Weights and
// pixels are formulas, the same on both sides.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseModelConfig } from "../../model/index.ts";
import { ropeIndex } from "../../model/input/index.ts";
import { differencesOf } from "./parity/compare.ts";
import { fixtureNames, openFixture } from "./parity/fixture.ts";

const test = suite("model against transformers");

test("there are fixtures of several shapes", () => {
  assert.ok(fixtureNames().length >= 6);
});

for (const name of fixtureNames()) {
  test(`${name}: a config says the same as published and as transformers saves it`, () => {
    const { recorded, config } = openFixture(name);
    assert.equal(parseModelConfig(recorded.savedConfig), config);
  });

  test(`${name}: positions are those of get_rope_index`, () => {
    const { recorded, rows, config } = openFixture(name);
    for (const [index, { positions, name: sequence }] of recorded.sequences.entries()) {
      const { ids = [], images = [] } = rows[index] ?? {};
      const grids = images.map(({ grid }) => grid);
      assert.equal([...ropeIndex(ids, grids, config).positions], positions.flat(), sequence);
    }
  });

  test(`${name}: numbers, tokens and gradients are the reference's`, async () => {
    for (const { quantity, largest, max, where } of await differencesOf(openFixture(name)))
      assert.ok(largest <= max, `${quantity}: ${largest} at ${where}`);
  });
}

test.run();
