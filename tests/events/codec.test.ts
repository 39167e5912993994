import { Encoder, ExtData } from "@msgpack/msgpack";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CodecError, decode, encode, eventBytesMax } from "../../events/index.ts";

const test = suite("codec");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const key = text.filter((name) => name !== "__proto__");
const bytesOf = fc.uint8Array({ maxLength: 70 });
const numbers = fc
  .oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.float())
  .map((value) => (Object.is(value, -0) ? 0 : value));
const numberArrays = fc.oneof(
  fc.float32Array({ maxLength: 9 }),
  fc.float64Array({ maxLength: 9 }),
  fc.int32Array({ maxLength: 9 }),
  fc.uint32Array({ maxLength: 9 }),
  fc.int16Array({ maxLength: 9 }),
  fc.uint16Array({ maxLength: 9 }),
  fc.int8Array({ maxLength: 9 }),
  fc.bigInt64Array({ maxLength: 9 }),
);
const data = fc.letrec((tie) => ({
  leaf: fc.oneof(fc.constant(null), fc.boolean(), numbers, text, bytesOf, numberArrays),
  node: fc.oneof(
    { maxDepth: 5 },
    tie("leaf"),
    fc.array(tie("node"), { maxLength: 20 }),
    fc.dictionary(key, tie("node"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).node;

function codeOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof CodecError) return error.code;
    throw error;
  }
}

test("what is decoded equals what was encoded, bit for bit", () => {
  fc.assert(
    fc.property(data, (value) => {
      const bytes = encode(value);
      const back = decode(bytes);
      assert.equal(back, value);
      assert.equal(hex(encode(back)), hex(bytes));
    }),
    { numRuns: 500 },
  );
});

test("the bytes are those of the reference library", () => {
  const types = new Map<unknown, number>([
    [Float32Array, 1],
    [Float64Array, 2],
    [Int32Array, 3],
    [Uint32Array, 4],
    [Int16Array, 5],
    [Uint16Array, 6],
    [Int8Array, 7],
    [BigInt64Array, 8],
  ]);
  const reference = new Encoder({
    maxDepth: 200,
    extensionCodec: {
      tryToEncode(value) {
        const type = types.get((value as object).constructor);
        if (type === undefined || !ArrayBuffer.isView(value)) return null;
        return new ExtData(type, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      },
      decode: () => null,
    },
  });
  const edges = [
    [0, 31, 32, 127, 128, 255, 256, 65535, 65536].map((size) => "x".repeat(size)),
    [10, 11, 15, 16, 85, 86, 21845, 21846].map((size) => "€".repeat(size)),
    [0, 1, 255, 256, 65535, 65536].map((size) => new Uint8Array(size)),
    [0, 1, 2, 3, 4, 8, 16, 17, 255, 256, 65536].map((size) => new Int8Array(size)),
    [15, 16, 65535, 65536].map((size) => new Array(size).fill(null)),
    [15, 16, 70].map((size) => Object.fromEntries(Array.from({ length: size }, (_, i) => [i, i]))),
    [7, 8, 15, 16, 31, 32, 53].flatMap((bits) =>
      [-2, -1, 0, 1].flatMap((by) => [2 ** bits + by, by - 2 ** bits]),
    ),
    [0.1, 1e300, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 70],
  ];
  for (const edge of edges) assert.is(hex(encode(edge)), hex(reference.encode(edge)));
  fc.assert(
    fc.property(data, (value) => {
      assert.is(hex(encode(value)), hex(reference.encode(value)));
    }),
    { numRuns: 500 },
  );
});

test("maps keep the order of their keys", () => {
  assert.equal(Object.keys(decode(encode({ b: 1, a: 2, c: 3 })) as object), ["b", "a", "c"]);
});

test("bytes stay as they have always been", () => {
  const golden: readonly [unknown, string][] = [
    [{ id: "x", n: 1, ok: true, none: null }, "84a26964a178a16e01a26f6bc3a46e6f6e65c0"],
    [[127, 128, 65536, 1700000000000, -1, -129, 0.5], ""],
    [-0, "00"],
    [Uint8Array.of(1, 2, 3), "c403010203"],
    [Float32Array.of(1, -2), "d7010000803f000000c0"],
    [Float64Array.of(1), "d702000000000000f03f"],
    [Int32Array.of(1, -1, 7), "c70c0301000000ffffffff07000000"],
    [Uint32Array.of(1), "d60401000000"],
    [Int16Array.of(-2), "d505feff"],
    [Uint16Array.of(258), "d5060201"],
    [Int8Array.of(-1), "d407ff"],
    [BigInt64Array.of(-2n), "d708feffffffffffffff"],
    [new Float32Array(0), "c70001"],
    ["äß€😀", "aBc3a4c39fe282acf09f9880".toLowerCase()],
  ];
  for (const [value, expected] of golden) {
    if (expected !== "") assert.is(hex(encode(value)), expected);
  }
  assert.is(
    hex(encode([127, 128, 65536, 1700000000000, -1, -129, 0.5])),
    "977fcc80ce00010000cf0000018bcfe56800ffd1ff7fcb3fe0000000000000",
  );
});

test("number arrays come back aligned, from any offset", () => {
  const bytes = encode([1, Float64Array.of(1.5, 2.5)]);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.equal(decode(shifted.subarray(3)), [1, Float64Array.of(1.5, 2.5)]);
});

test("byte arrays come back as such, also from a Buffer", () => {
  const back = decode(Buffer.from(encode({ a: Buffer.from("x") }))) as { a: Uint8Array };
  assert.is(back.a.constructor, Uint8Array);
});

test("what is not plain data is refused, with its place", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const refused: readonly [unknown, RegExp][] = [
    [{ a: [{ b: undefined }] }, /\.a\[0\]\.b: undefined is not data/],
    [[undefined], /\[0\]: undefined/],
    [{ a: 1n }, /\.a: bigint/],
    [{ a: () => 1 }, /\.a: function/],
    [new Map(), /Map is not a plain object/],
    [{ at: new Date(0) }, /\.at: Date is not/],
    [{ a: new Uint8ClampedArray(1) }, /Uint8ClampedArray is not a known array/],
    [{ a: "x\ud800" }, /\.a: text with half a surrogate pair/],
    [{ ["k\udc00"]: 1 }, /forbidden key/],
    [[`${"long ".repeat(20)}\ud800`], /\[0\]: text with half/],
    [JSON.parse('{"__proto__":1}'), /forbidden key/],
    [cyclic, /more than 64 levels/],
  ];
  for (const [value, message] of refused) {
    assert.throws(
      () => encode(value),
      (error: unknown) =>
        error instanceof CodecError && error.code === "codec-value" && message.test(error.message),
    );
  }
});

test("sizes are bounded on both sides", () => {
  const exact = encode("x".repeat(1000));
  assert.equal(encode("x".repeat(1000), exact.length), exact);
  const values = ["x".repeat(1000), "€".repeat(333), new Uint8Array(1000), new Array(1000).fill(1)];
  for (const value of values) {
    for (const nested of [value, [value], { a: { b: value } }, [1, value, () => 1]]) {
      assert.is(
        codeOf(() => encode(nested, 999)),
        "codec-oversize",
      );
    }
  }
  const large = new Uint8Array(eventBytesMax);
  assert.is(
    codeOf(() => encode(large, eventBytesMax)),
    "codec-oversize",
  );
  assert.is(
    codeOf(() => decode(large, eventBytesMax - 1)),
    "codec-oversize",
  );
});

test("every truncation and every appended byte is refused", () => {
  fc.assert(
    fc.property(data, fc.nat(), (value, cut) => {
      const bytes = encode(value);
      assert.is(
        codeOf(() => decode(bytes.subarray(0, cut % bytes.length))),
        "codec-malformed",
      );
      assert.is(
        codeOf(() => decode(Uint8Array.of(...bytes, 0))),
        "codec-malformed",
      );
    }),
    { numRuns: 300 },
  );
});

test("random and damaged bytes end in a value or a typed error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      codeOf(() => decode(bytes));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(data, fc.nat(), fc.nat(255), (value, at, byte) => {
      const bytes = encode(value);
      bytes[at % bytes.length] = byte;
      codeOf(() => decode(bytes));
    }),
    { numRuns: 1000 },
  );
});

test("hostile bytes are refused before memory is spent", () => {
  const bombs: readonly string[] = [
    "ddffffffff", // a list of four thousand million
    "dfffffffff00",
    "dd0000ffff".repeat(60), // nested lists of 65,535
    "91".repeat(100_000), // deep
    "c6ffffffff00", // a long bin
    "c1", // no such head
    "c70009", // unknown extension
    "d6ff00000000", // a timestamp
    "c70101ff", // a quarter of a float
    "81a95f5f70726f746f5f5f80", // {"__proto__": {}}
    "810100", // a number as key
    "", // nothing
  ];
  const before = process.memoryUsage().rss;
  for (const bomb of bombs) {
    assert.is(
      codeOf(() => decode(fromHex(bomb))),
      "codec-malformed",
      bomb.slice(0, 20),
    );
  }
  assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  assert.is(({} as Record<string, unknown>)["polluted"], undefined);
});

test.run();
