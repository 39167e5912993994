// Writes safetensors. Equal names, shapes, values and type give equal bytes: policies are named by
// the hash of such bytes.
import { endianness } from "node:os";
import { assert } from "../../events/index.ts";
import { writeWholeFile } from "../whole-file.ts";
import { concatBytes } from "./concat-bytes.ts";
import { narrowToBfloat16, narrowToFloat16 } from "./float-bits.ts";
import {
  elementCount,
  formatHeader,
  sortedNames,
  type WritableTensorType,
} from "./safetensors-header.ts";

/** A tensor in memory: row-major float32 values. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Elements converted at a time: bounds the scratch memory of a tensor of any size. */
const chunkElements = 4 * 1024 * 1024;

/** Encodes `tensors` as the bytes of one safetensors file, for blobs and their hashes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  dtype: WritableTensorType,
): Uint8Array<ArrayBuffer> {
  return concatBytes([...safetensorsParts(tensors, dtype)]);
}

/**
 * Writes `tensors` to `file`: the same bytes as `encodeSafetensors`, without holding them all. The
 * file appears complete or not at all.
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  dtype: WritableTensorType,
): Promise<void> {
  await writeWholeFile(file, safetensorsParts(tensors, dtype));
}

function* safetensorsParts(
  tensors: ReadonlyMap<string, Tensor>,
  dtype: WritableTensorType,
): Generator<Uint8Array> {
  assert(endianness() === "LE", "safetensors are little-endian and so must this machine be");
  yield formatHeader(new Map([...tensors].map(([name, { shape }]) => [name, { dtype, shape }])));
  for (const name of sortedNames(tensors.keys())) {
    const tensor = tensors.get(name);
    assert(tensor !== undefined, `tensor ${name} vanished while it was written`);
    const { data, shape } = tensor;
    assert(
      data.length === elementCount(shape),
      `tensor ${name} has ${data.length} values for shape [${shape}]`,
    );
    yield* floatBytes(data, dtype);
  }
}

/**
 * The bytes of float32 values as `dtype`, piece by piece. 16-bit types round to nearest, ties to
 * even.
 */
export function* floatBytes(data: Float32Array, dtype: WritableTensorType): Generator<Uint8Array> {
  for (let first = 0; first < data.length; first += chunkElements) {
    const chunk = data.subarray(first, first + chunkElements);
    const values = narrowTo[dtype](chunk);
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

const narrowTo = {
  BF16: narrowToBfloat16,
  F16: narrowToFloat16,
  F32: (values: Float32Array) => values,
} as const;
