// Goal: the random numbers are Philox 4x32-10 itself, and a stream depends on its path alone.
// Method: the known answers of Random123 (kat_vectors), then properties of `RandomStream`.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { philox4x32, RandomStream } from "../../events/index.ts";

const test = suite("events/philox");

test("gives the known answers of Random123", () => {
  const zeros = philox4x32([0, 0, 0, 0], [0, 0]);
  assert.equal([...zeros], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  const ones = 0xffffffff;
  const full = philox4x32([ones, ones, ones, ones], [ones, ones]);
  assert.equal([...full], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  const pi = philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
  assert.equal([...pi], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
});

test("a stream is a function of its path", () => {
  const draw = (...path: (string | number)[]) => {
    const stream = new RandomStream(...path);
    return Array.from({ length: 9 }, () => stream.uint32());
  };
  assert.equal(draw(7, "sample", 1), draw(7, "sample", 1));
  assert.is.not(draw(7, "sample", 1)[0], draw(7, "sample", 2)[0]);
  assert.is.not(draw("1", 2)[0], draw(1, 2)[0], "a text and a number are different names");
});

test("uniforms are in [0, 1) and exact in float32", () => {
  const stream = new RandomStream("uniforms");
  for (let index = 0; index < 1000; index++) {
    const value = stream.uniform();
    assert.ok(value >= 0 && value < 1);
    assert.is(Math.fround(value), value);
  }
});

test("a shuffle keeps every item", () => {
  const items = Array.from({ length: 50 }, (_, index) => index);
  const shuffled = new RandomStream("shuffle").shuffle(items);
  assert.equal(
    [...shuffled].sort((a, b) => a - b),
    items,
  );
  assert.is.not(shuffled.join(), items.join());
});

test.run();
