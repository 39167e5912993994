// Reads the bytes of one safetensors file that is in memory: policies and gradients from blobs.
import { assert } from "../../events/index.ts";
import { CheckpointError } from "./errors.ts";
import { parseHeader, parseHeaderLength, safetensorsPrefixBytes } from "./safetensors-header.ts";
import type { Tensor } from "./safetensors-write.ts";

/**
 * The float32 tensors of `bytes`, in the order of their names; the inverse of `encodeSafetensors`.
 *
 * @param source names the bytes in errors
 * @throws CheckpointError when they are no safetensors file, or hold another type than F32.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): Map<string, Tensor> {
  const length = parseHeaderLength(
    bytes.subarray(0, safetensorsPrefixBytes),
    source,
    bytes.byteLength,
  );
  const header = bytes.subarray(safetensorsPrefixBytes, safetensorsPrefixBytes + length);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of parseHeader(header, source, bytes.byteLength)) {
    if (entry.dtype !== "F32") {
      throw new CheckpointError(
        "checkpoint.tensor_type",
        `${source}: tensor ${name} is ${entry.dtype}, expected F32`,
        { facts: { source, tensor: name } },
      );
    }
    const end = entry.byteOffset + entry.byteLength;
    // A copy in a buffer of its own: `slice` of a Buffer would be a view of a larger one.
    const data = new Float32Array(new Uint8Array(bytes.subarray(entry.byteOffset, end)).buffer);
    assert(data.byteLength === entry.byteLength, `${source}: the header was checked`);
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}
