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
    const start = entry.byteOffset;
    const data = new Float32Array(bytes.slice(start, start + entry.byteLength).buffer);
    assert(data.byteLength === entry.byteLength, `${source}: the header was checked`);
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}
