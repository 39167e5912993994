// Goal: weights are read as they were written, and no damaged or contradictory file is believed.
// Method: round trips with fast-check, and files damaged by hand.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName } from "../../events/index.ts";
import {
  bfloat16Value,
  CheckpointError,
  encodeSafetensors,
  openCheckpoint,
  readSafetensorsHeader,
  type Tensor,
  type WritableTensorType,
  writeSafetensors,
} from "../../model/input/index.ts";
import { raises } from "./raises.ts";
import { withFolder } from "./temporary-folder.ts";

const test = suite("model-input/safetensors");
const seed = 20250523;
const type = CheckpointError;

const two: ReadonlyMap<string, Tensor> = new Map([
  ["b.weight", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 65504, 1e-8) }],
  ["a.bias", { shape: [1], data: Float32Array.of(7) }],
]);

/** The bytes of a file with this header and `dataBytes` zeros. */
function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(8 + json.length + dataBytes);
  bytes.writeBigUInt64LE(BigInt(json.length));
  json.copy(bytes, 8);
  return bytes;
}

async function withWeights(
  bytes: Uint8Array,
  use: (folder: string, file: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, "model.safetensors");
    await writeFile(file, bytes);
    await use(folder, file);
  });
}

const tensorsArbitrary = fc
  .array(
    fc.tuple(
      fc
        .string({ minLength: 1, maxLength: 12, unit: "binary" })
        .filter((name) => name !== "__metadata__"),
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
      fc.infiniteStream(fc.float({ noNaN: true })),
    ),
    { maxLength: 6 },
  )
  .map((drawn) => {
    const entries = drawn.map(([name, shape, values]): [string, Tensor] => {
      const length = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, data: Float32Array.from({ length }, () => values.next().value) }];
    });
    return new Map(entries);
  });

test("what was written is read back, in float32 exactly and in bfloat16 rounded", async () => {
  const types = fc.constantFrom<WritableTensorType>("F32", "BF16");
  await fc.assert(
    fc.asyncProperty(tensorsArbitrary, types, async (tensors, dtype) => {
      await withFolder(async (folder) => {
        await writeSafetensors(join(folder, "model.safetensors"), tensors, dtype);
        const checkpoint = await openCheckpoint(folder);
        assert.equal([...checkpoint.tensors.keys()].sort(), [...tensors.keys()].sort());
        for (const [name, { shape, data }] of tensors) {
          const values = await checkpoint.readFloat32(name, shape);
          assert.equal(values, dtype === "F32" ? data : data.map(bfloat16Value));
        }
      });
    }),
    { seed, numRuns: 60 },
  );
});

test("a file and the encoding in memory have the same bytes, whatever the order", async () => {
  const reversed = new Map([...two].reverse());
  for (const dtype of ["F32", "BF16"] as const) {
    const bytes = encodeSafetensors(two, dtype);
    assert.is(hashName(bytes), hashName(encodeSafetensors(reversed, dtype)));
    await withFolder(async (folder) => {
      await writeSafetensors(join(folder, "x.safetensors"), reversed, dtype);
      assert.equal(new Uint8Array(await readFile(join(folder, "x.safetensors"))), bytes);
      assert.equal(await readdir(folder), ["x.safetensors"], "no partial file stays behind");
    });
  }
});

test("the header is sorted, marked for transformers and leaves data 8-aligned", () => {
  const bytes = encodeSafetensors(two, "BF16");
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.is(length % 8, 0);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString());
  assert.equal(Object.entries(header), [
    ["__metadata__", { format: "pt" }],
    ["a.bias", { dtype: "BF16", shape: [1], data_offsets: [0, 2] }],
    ["b.weight", { dtype: "BF16", shape: [2, 3], data_offsets: [2, 14] }],
  ]);
  assert.is(bytes.length, 8 + length + 14);
});

test("tensors go by their published names, whatever layout they were saved in", async () => {
  const names = [
    [
      "model.language_model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.self_attn.q_proj.weight",
    ],
    ["model.language_model.embed_tokens.weight", "model.embed_tokens.weight"],
    ["model.visual.merger.ln_q.weight", "visual.merger.ln_q.weight"],
    ["model.norm.weight", "model.norm.weight"],
    ["lm_head.weight", "lm_head.weight"],
  ] as const;
  const one = { shape: [1], data: Float32Array.of(1) };
  const saved = new Map(names.map(([written]) => [written as string, one]));
  await withWeights(encodeSafetensors(saved, "F32"), async (folder) => {
    const { tensors } = await openCheckpoint(folder);
    assert.equal([...tensors.keys()].sort(), names.map(([, name]) => name as string).sort());
  });
  saved.set("visual.merger.ln_q.weight", one);
  await withWeights(encodeSafetensors(saved, "F32"), async (folder, file) => {
    const expected = ["visual.merger.ln_q.weight twice", file];
    await raises(() => openCheckpoint(folder), {
      type,
      code: "checkpoint.tensor_twice",
      names: expected,
    });
  });
});

test("entries name the exact place of a tensor", async () => {
  await withWeights(encodeSafetensors(two, "F32"), async (folder, file) => {
    const entry = (await openCheckpoint(folder)).entry("b.weight", [2, 3]);
    const bytes = await readFile(file);
    assert.equal([entry.file, entry.byteLength], [file, 24]);
    assert.is(bytes.readFloatLE(entry.byteOffset + 8), 3.5);
  });
});

const damaged: readonly (readonly [
  name: string,
  bytes: Uint8Array,
  code: string,
  names: readonly string[],
])[] = [
  ["an empty file", new Uint8Array(0), "checkpoint.truncated", ["its header"]],
  [
    "a header length above the limit",
    Buffer.alloc(64, 0xff),
    "checkpoint.header_too_large",
    ["100000000"],
  ],
  [
    "a header that goes past the end",
    fileOf("{}", 0).subarray(0, 9),
    "checkpoint.truncated",
    ["its header"],
  ],
  ["a header that is not JSON", fileOf("{nonsense", 0), "checkpoint.json", ["header"]],
  ["a header that is a list", fileOf([], 0), "checkpoint.key", ["header"]],
  [
    "an unknown type",
    fileOf({ w: { dtype: "Q4", shape: [1], data_offsets: [0, 4] } }, 4),
    "checkpoint.tensor_entry",
    ["tensor w", "dtype"],
  ],
  [
    "a negative size",
    fileOf({ w: { dtype: "F32", shape: [-1], data_offsets: [0, 4] } }, 4),
    "checkpoint.tensor_entry",
    ["tensor w", "shape"],
  ],
  [
    "a size that is no whole number",
    fileOf({ w: { dtype: "F32", shape: [1.5], data_offsets: [0, 6] } }, 6),
    "checkpoint.tensor_entry",
    ["tensor w"],
  ],
  [
    "offsets that contradict the shape",
    fileOf({ w: { dtype: "F32", shape: [2], data_offsets: [0, 4] } }, 4),
    "checkpoint.tensor_entry",
    ["tensor w", "takes 8 bytes"],
  ],
  [
    "offsets in the wrong order",
    fileOf({ w: { dtype: "F32", shape: [1], data_offsets: [4, 0] } }, 4),
    "checkpoint.tensor_entry",
    ["tensor w"],
  ],
  [
    "a missing key",
    fileOf({ w: { dtype: "F32", shape: [1] } }, 4),
    "checkpoint.tensor_entry",
    ["tensor w", "data_offsets"],
  ],
  [
    "metadata that are not text",
    fileOf({ __metadata__: { format: 1 } }, 0),
    "checkpoint.tensor_entry",
    ["__metadata__"],
  ],
  [
    "tensors that overlap",
    fileOf(
      {
        a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
        b: { dtype: "F32", shape: [1], data_offsets: [4, 8] },
      },
      8,
    ),
    "checkpoint.tensor_entry",
    ["tensor b", "overlaps"],
  ],
  [
    "a gap between tensors",
    fileOf(
      {
        a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
        b: { dtype: "F32", shape: [1], data_offsets: [8, 12] },
      },
      12,
    ),
    "checkpoint.tensor_entry",
    ["tensor b", "gap"],
  ],
  [
    "data cut short",
    encodeSafetensors(two, "F32").subarray(0, -1),
    "checkpoint.truncated",
    ["b.weight"],
  ],
  [
    "bytes after the last tensor",
    Buffer.concat([encodeSafetensors(two, "F32"), Buffer.of(0)]),
    "checkpoint.trailing_bytes",
    ["1 bytes"],
  ],
];
for (const [name, bytes, code, names] of damaged) {
  test(`refuses ${name}`, async () => {
    await withWeights(bytes, async (folder, file) => {
      await raises(() => openCheckpoint(folder), { type, code, names: [file, ...names] });
    });
  });
}

test("a header cut anywhere is refused, never misread", async () => {
  const whole = encodeSafetensors(two, "F32");
  await withFolder(async (folder) => {
    const file = join(folder, "x.safetensors");
    for (let length = 0; length < whole.length; length += 7) {
      await writeFile(file, whole.subarray(0, length));
      await raises(() => readSafetensorsHeader(file), { type, code: "checkpoint.truncated" });
    }
  });
});

test("missing folders, files and tensors and other shapes and types are named", async () => {
  await withFolder(async (folder) => {
    const code = "checkpoint.file_missing";
    await raises(() => openCheckpoint(join(folder, "no")), { type, code, names: [folder] });
    await raises(() => openCheckpoint(folder), { type, code, names: ["model.safetensors.index"] });
    const unreadable = { type, code: "checkpoint.file_unreadable", names: [folder] };
    await raises(() => readSafetensorsHeader(folder), unreadable);
    await raises(() => readSafetensorsHeader(join(folder, "no")), unreadable);
  });
  const integers = fileOf({ w: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, 8);
  await withWeights(integers, async (folder) => {
    const checkpoint = await openCheckpoint(folder);
    const read = (name: string, shape?: number[]) => () => checkpoint.readFloat32(name, shape);
    await raises(read("w"), { type, code: "checkpoint.dtype", names: ["w", "I64"] });
    await raises(read("v"), { type, code: "checkpoint.tensor_missing", names: ["v", folder] });
    const names = ["tensor w", "[1]", "[1,1]"];
    await raises(read("w", [1, 1]), { type, code: "checkpoint.shape", names });
  });
});

test("a file that shrank after it was opened is refused", async () => {
  await withWeights(encodeSafetensors(two, "F32"), async (folder, file) => {
    const checkpoint = await openCheckpoint(folder);
    await writeFile(file, encodeSafetensors(two, "F32").subarray(0, -4));
    await raises(() => checkpoint.readFloat32("b.weight"), { type, code: "checkpoint.truncated" });
  });
});

test("shards and their index must agree", async () => {
  const index = "model.safetensors.index.json";
  const shard = (name: string) => new Map([[name, { shape: [1], data: Float32Array.of(1) }]]);
  const cases: readonly (readonly [map: unknown, code: string, names: readonly string[]])[] = [
    [
      { a: "1.safetensors", b: "2.safetensors", c: "2.safetensors" },
      "checkpoint.tensor_missing",
      ["c"],
    ],
    [{ a: "1.safetensors" }, "checkpoint.ok", []],
    [{ a: "2.safetensors" }, "checkpoint.index", ["b", "no file"]],
    [{ a: "2.safetensors", b: "1.safetensors" }, "checkpoint.index", ["places in"]],
    [{ a: "3.safetensors" }, "checkpoint.shard_missing", ["3.safetensors is missing", index, "a"]],
    [
      { a: "1.safetensors", x: "3.safetensors", y: "3.safetensors" },
      "checkpoint.shard_missing",
      ["tensor x and 1 more"],
    ],
    [{ a: "../1.safetensors" }, "checkpoint.key", [index, "weight_map.a"]],
    [{ a: 1 }, "checkpoint.key", [index, "weight_map.a"]],
    [undefined, "checkpoint.key", [index, "weight_map"]],
  ];
  await withFolder(async (folder) => {
    await mkdir(folder, { recursive: true });
    await writeSafetensors(join(folder, "1.safetensors"), shard("a"), "F32");
    await writeSafetensors(join(folder, "2.safetensors"), shard("b"), "F32");
    for (const [map, code, names] of cases) {
      await writeFile(join(folder, index), JSON.stringify({ weight_map: map }));
      if (code === "checkpoint.ok") await openCheckpoint(folder);
      else await raises(() => openCheckpoint(folder), { type, code, names });
    }
    await writeFile(join(folder, index), "{");
    await raises(() => openCheckpoint(folder), { type, code: "checkpoint.json", names: [index] });
  });
});

test.run();
