// The data of one tensor in its file: as bytes, piece by piece, or widened to float32.
//
// Invariant: scratch memory is bounded by `chunkBytes`, whatever the size of the tensor (I7).
import { type FileHandle, open } from "node:fs/promises";
import { ensureError } from "../../events/index.ts";
import { CheckpointError } from "./errors.ts";
import { widenBfloat16, widenFloat16 } from "./float-bits.ts";
import { elementCount, isFloatType, type TensorEntry } from "./safetensors-header.ts";

/** Bytes read at a time. A multiple of every element's size. */
const chunkBytes = 16 * 1024 * 1024;
/** Bytes of the largest tensor we decode into one array (V8 allows arrays of 2^32 - 1 elements). */
const decodedBytesMax = 16 * 1024 * 1024 * 1024;

/**
 * Reads the tensor `name` at `entry` and widens it to float32.
 *
 * @throws CheckpointError when its type is not BF16, F16 or F32, or the file changed since its
 * header was read.
 */
export async function readFloat32(name: string, entry: TensorEntry): Promise<Float32Array> {
  requireFloat(name, entry);
  const { file } = entry;
  const count = elementCount(entry.shape);
  if (4 * count > decodedBytesMax) {
    throw new CheckpointError(
      "checkpoint.tensor_too_large",
      `${file}: tensor ${name} takes ${4 * count} bytes as float32, above ${decodedBytesMax}`,
      { facts: { file, tensor: name, bytes: 4 * count, limit: decodedBytesMax } },
    );
  }
  const values = new Float32Array(count);
  let done = 0;
  for await (const piece of floatPieces(entry)) {
    values.set(piece, done);
    done += piece.length;
  }
  return values;
}

/** The values of the tensor of a float type at `entry`, widened to float32, piece by piece. */
export async function* floatPieces(entry: TensorEntry): AsyncGenerator<Float32Array> {
  for await (const bytes of tensorBytes(entry)) yield widened(entry.dtype, bytes.buffer);
}

/** The bytes of the tensor at `entry`, piece by piece, each in a buffer of its own. */
export async function* tensorBytes({
  file,
  byteOffset,
  byteLength,
}: TensorEntry): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const handle = await openFile(file);
  try {
    for (let done = 0; done < byteLength; done += chunkBytes) {
      const length = Math.min(chunkBytes, byteLength - done);
      yield await readExactly(handle, file, byteOffset + done, length);
    }
  } finally {
    await handle.close();
  }
}

/** @throws CheckpointError when the type of the tensor `name` is not BF16, F16 or F32 */
export function requireFloat(name: string, { dtype, file }: TensorEntry): void {
  if (isFloatType(dtype)) return;
  throw new CheckpointError(
    "checkpoint.dtype",
    `${file}: tensor ${name} is ${dtype}; only BF16, F16 and F32 weights are read: take the ` +
      `checkpoint that was not quantised`,
    { facts: { file, tensor: name, dtype } },
  );
}

/** Reads into a buffer of its own, so that typed arrays can be laid over it from offset 0. */
export async function readExactly(
  handle: FileHandle,
  file: string,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const place = position + done;
    const { bytesRead } = await handle
      .read(bytes, done, length - done, place)
      .catch((error: unknown) => {
        throw unreadable(file, error);
      });
    if (bytesRead === 0) {
      throw new CheckpointError(
        "checkpoint.truncated",
        `${file} is cut short: no bytes at ${place}; fetch it again`,
        { facts: { file, needed: position + length, bytes: place } },
      );
    }
    done += bytesRead;
  }
  return bytes;
}

/** @throws CheckpointError when `file` cannot be opened */
export async function openFile(file: string): Promise<FileHandle> {
  return await open(file, "r").catch((error: unknown) => {
    throw unreadable(file, error);
  });
}

function widened(dtype: TensorEntry["dtype"], buffer: ArrayBuffer): Float32Array {
  if (dtype === "F32") return new Float32Array(buffer);
  const bits = new Uint16Array(buffer);
  const values = new Float32Array(bits.length);
  if (dtype === "BF16") widenBfloat16(bits, values, 0);
  else widenFloat16(bits, values, 0);
  return values;
}

function unreadable(file: string, error: unknown): CheckpointError {
  const { message } = ensureError(error);
  return new CheckpointError("checkpoint.file_unreadable", `cannot read ${file}: ${message}`, {
    cause: error,
    facts: { file },
  });
}
