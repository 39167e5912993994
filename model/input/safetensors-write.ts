// Writes safetensors. Equal names, shapes, values and type give equal bytes: policies are named by
// the hash of such bytes.
import { endianness } from "node:os";
import { assert } from "../../events/index.ts";
import { concatBytes } from "./concat-bytes.ts";
import { narrowToBfloat16 } from "./float-bits.ts";
import {
  elementCount,
  formatHeader,
  sortedNames,
  type WritableTensorType,
} from "./safetensors-header.ts";
import { writeWholeFile } from "./whole-file.ts";

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
 * file appears complete or not at all. BF16 is rounded to nearest, ties to even.
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
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  yield formatHeader(shapes, dtype);
  for (const name of sortedNames(tensors.keys())) {
    const tensor = tensors.get(name);
    assert(tensor !== undefined, `tensor ${name} vanished while it was written`);
    const { data, shape } = tensor;
    assert(
      data.length === elementCount(shape),
      `tensor ${name} has ${data.length} values for shape [${shape}]`,
    );
    for (let first = 0; first < data.length; first += chunkElements) {
      const chunk = data.subarray(first, first + chunkElements);
      const values = dtype === "BF16" ? narrowToBfloat16(chunk) : chunk;
      yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    }
  }
}
