// Goal: 16-bit floats are widened exactly and rounded to nearest, ties to even.
// Method: the definitions of both types, over all numbers of half precision.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bfloat16Value, narrowToFloat16, widenFloat16 } from "../../model/input/float-bits.ts";

const test = suite("model-input/float-bits");
const seed = 20250523;

test("bfloat16 rounds to nearest, ties to even", () => {
  assert.is(bfloat16Value(1 + 2 ** -8), 1, "half way down to even");
  assert.is(bfloat16Value(1 + 3 * 2 ** -8), 1 + 2 ** -6, "half way up to even");
  assert.is(bfloat16Value(1 + 2 ** -8 + 2 ** -20), 1 + 2 ** -7);
  assert.is(bfloat16Value(3.4028234663852886e38), Number.POSITIVE_INFINITY);
  assert.is(bfloat16Value(Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY);
  assert.ok(Number.isNaN(bfloat16Value(Number.NaN)));
  assert.ok(Object.is(bfloat16Value(-0), -0));
  const finite = fc.float({
    noNaN: true,
    noDefaultInfinity: true,
    max: 2 ** 127,
    min: -(2 ** 127),
  });
  fc.assert(
    fc.property(finite, (value) => {
      const rounded = bfloat16Value(value);
      const bits = new Uint32Array(Float32Array.of(rounded).buffer);
      assert.is((bits[0] ?? 0) & 0xffff, 0, "a bfloat16 value");
      const step = Math.max(2 ** (Math.floor(Math.log2(Math.abs(value))) - 7), 2 ** -133);
      assert.ok(Math.abs(rounded - value) <= step / 2);
    }),
    { seed },
  );
});

function widened(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  widenFloat16(bits, values, 0);
  return values;
}

test("half precision is widened exactly", () => {
  const cases: readonly [bits: number, value: number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0xc100, -2.5],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ];
  const values = widened(Uint16Array.from(cases, ([bits]) => bits));
  for (const [index, [, value]] of cases.entries()) assert.ok(Object.is(values[index], value));
});

test("float32 is rounded to half precision, to nearest, ties to even", () => {
  // Every finite number of the type from 0 on, in order; the largest one's neighbour is 65,536.
  const finite = Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits);
  const exact = widened(finite);
  const after = Float32Array.from([...exact.subarray(1), 65_536]);
  const between = exact.map((value, index) => (value + (after[index] ?? 0)) / 2);
  const above = new Float32Array(new Uint32Array(between.buffer).map((bits) => bits + 1).buffer);
  const cases: readonly (readonly [Float32Array, Uint16Array])[] = [
    [exact, finite],
    [exact.map((value) => -value), finite.map((bits) => bits | 0x8000)],
    [between, finite.map((bits) => bits + (bits & 1))],
    [above, finite.map((bits) => bits + 1)],
    [Float32Array.of(1e9, Number.POSITIVE_INFINITY, 1e-30), Uint16Array.of(0x7c00, 0x7c00, 0)],
  ];
  for (const [values, bits] of cases) assert.equal(narrowToFloat16(values), bits);
  assert.ok(Number.isNaN(widened(narrowToFloat16(Float32Array.of(Number.NaN)))[0]));
});

test.run();
