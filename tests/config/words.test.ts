// Goal: the small parts: nearest words, changes of case, lines of keys.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { camelCase, snakeCase } from "../../config/case.ts";
import { keyLines, lineOf } from "../../config/key-lines.ts";
import { editDistance, nearest } from "../../config/nearest.ts";

const test = suite("config/words");

test("edit distance is a metric", () => {
  const word = fc.string({ maxLength: 8 });
  void fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      assert.is(editDistance(a, b) === 0, a === b);
      assert.is(editDistance(a, b), editDistance(b, a));
      assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
    }),
    { seed: 7 },
  );
});

test("the nearest word is found, and none where all are far", () => {
  assert.is(nearest("lerning_rate", ["learning_rate", "clip_low"]), "learning_rate");
  assert.is(nearest("seeds", ["seed", "steps"]), "seed");
  assert.is(nearest("banana", ["seed", "steps"]), null);
});

test("case goes there and back", () => {
  for (const key of ["seed", "turn_tokens_max", "beta1", "memory_bytes_max"]) {
    assert.is(snakeCase(camelCase(key)), key);
  }
});

test("keys are found in tables, lists of tables, inline tables and after long strings", () => {
  const lines = keyLines(
    [
      "top = 1", //                        1
      "# [no.table]", //                   2
      "[ a . b ] # a remark", //           3
      'c = """', //                        4
      "d = 1", //                          5
      '"""', //                            6
      'e = { type = "x", scale = 2 }', //  7
      "[[list]]", //                       8
      "name = 1", //                       9
      "[[list]]", //                      10
      "name = 2", //                      11
      "[list.inner]", //                  12
      "deep.er = 1", //                   13
    ].join("\n"),
  );
  const expected = {
    top: 1,
    "a.b": 3,
    "a.b.c": 4,
    "a.b.e": 7,
    "a.b.e.type": 7,
    "a.b.e.scale": 7,
    "list.0": 8,
    "list.0.name": 9,
    "list.1": 10,
    "list.1.name": 11,
    "list.1.inner": 12,
    "list.1.inner.deep.er": 13,
  };
  assert.equal(Object.fromEntries(lines), expected);
  assert.is(lineOf(lines, "a.b.missing"), 3);
  assert.is(lineOf(lines, "nowhere"), null);
});

test.run();
