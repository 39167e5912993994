// Reads the weights of a Hugging Face checkpoint folder: one `model.safetensors`, or shards named
// by `model.safetensors.index.json`. Only headers are read at opening; tensors come on demand.
//
// Invariants: 1. every tensor is known with its exact place before the first one is read;
//             2. the index and the shards agree: a tensor lies in the file the index names, and
//                no shard holds a tensor that the index does not give it (I6).
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { ensureError } from "../../events/index.ts";
import { CheckpointError } from "./errors.ts";
import { widenBfloat16, widenFloat16 } from "./float-bits.ts";
import { readJsonFile } from "./json-file.ts";
import {
  elementCount,
  parseHeader,
  parseHeaderLength,
  safetensorsPrefixBytes,
  type TensorEntry,
  tensorElementBytes,
} from "./safetensors-header.ts";
import { fileExists } from "./whole-file.ts";

/** Name of the single weights file. */
export const weightsFile = "model.safetensors";
/** Name of the file that maps tensors to shards. */
export const weightsIndexFile = "model.safetensors.index.json";

/** Bytes read at a time: bounds the scratch memory of a tensor of any size. */
const chunkBytes = 16 * 1024 * 1024;
/** Bytes of the largest tensor we decode into one array (V8 allows arrays of 2^32 - 1 elements). */
const decodedBytesMax = 16 * 1024 * 1024 * 1024;

const shardNamePattern = /^[A-Za-z0-9_.-]+\.safetensors$/;
const indexSchema = z.object({
  weight_map: z.record(
    z.string(),
    z.string().regex(shardNamePattern, "must name a .safetensors file of the same folder"),
  ),
});

/** An open checkpoint. Holds no file handles. */
export interface Checkpoint {
  readonly directory: string;
  /** Every tensor by name, in name order of its file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /**
   * Where tensor `name` lies; with `shape`, also checks that it has exactly that shape.
   *
   * @throws CheckpointError when it is missing or shaped otherwise.
   */
  entry(name: string, shape?: readonly number[]): TensorEntry;
  /**
   * Reads tensor `name` and widens it to float32.
   *
   * @throws CheckpointError as `entry`, and when its type is not BF16, F16 or F32 or the file
   * changed since it was opened.
   */
  readFloat32(name: string, shape?: readonly number[]): Promise<Float32Array>;
}

/**
 * Opens the weights in `directory`.
 *
 * @throws CheckpointError naming the file and the tensor that is missing, damaged or contradictory.
 */
export async function openCheckpoint(directory: string): Promise<Checkpoint> {
  const tensors = await openTensors(directory);
  const entry = (name: string, shape?: readonly number[]) =>
    requireTensor(directory, tensors, name, shape);
  return {
    directory,
    tensors,
    entry,
    readFloat32: async (name, shape) => await readFloat32(name, entry(name, shape)),
  };
}

/**
 * Reads the header of one safetensors file.
 *
 * @throws CheckpointError when it is missing, cut short or malformed.
 */
export async function readSafetensorsHeader(file: string): Promise<Map<string, TensorEntry>> {
  return await withFile(file, async (handle) => {
    const { size } = await handle.stat();
    const prefix = await readExactly(handle, file, 0, Math.min(size, safetensorsPrefixBytes));
    const length = parseHeaderLength(prefix, file, size);
    const header = await readExactly(handle, file, safetensorsPrefixBytes, length);
    return parseHeader(header, file, size);
  });
}

async function openTensors(directory: string): Promise<Map<string, TensorEntry>> {
  const single = join(directory, weightsFile);
  const index = join(directory, weightsIndexFile);
  if (await fileExists(single)) return await readSafetensorsHeader(single);
  if (await fileExists(index)) return await openShards(directory, index);
  throw new CheckpointError(
    "checkpoint.file_missing",
    `${directory} holds neither ${weightsFile} nor ${weightsIndexFile}; give the folder of a ` +
      `complete Hugging Face checkpoint`,
    { facts: { directory } },
  );
}

async function openShards(directory: string, index: string): Promise<Map<string, TensorEntry>> {
  const { weight_map } = await readJsonFile(index, indexSchema);
  const tensors = new Map<string, TensorEntry>();
  for (const shard of [...new Set(Object.values(weight_map))].sort()) {
    for (const [name, entry] of await readSafetensorsHeader(join(directory, shard))) {
      const claimed = Object.hasOwn(weight_map, name) ? weight_map[name] : undefined;
      if (claimed !== shard) {
        throw new CheckpointError(
          "checkpoint.index",
          `${entry.file} holds tensor ${name}, which ${basename(index)} places in ` +
            `${claimed ?? "no file"}`,
          { facts: { file: entry.file, tensor: name, claimed } },
        );
      }
      tensors.set(name, entry);
    }
  }
  for (const [name, shard] of Object.entries(weight_map)) {
    if (!tensors.has(name)) throw tensorMissing(join(directory, shard), name);
  }
  return tensors;
}

function requireTensor(
  directory: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  name: string,
  shape: readonly number[] | undefined,
): TensorEntry {
  const entry = tensors.get(name);
  if (entry === undefined) throw tensorMissing(directory, name);
  if (shape !== undefined && `${shape}` !== `${entry.shape}`) {
    throw new CheckpointError(
      "checkpoint.shape",
      `${entry.file}: tensor ${name} has shape [${entry.shape}], but config.json asks for ` +
        `[${shape}]; weights and config are from different models`,
      { facts: { file: entry.file, tensor: name, shape: entry.shape, expected: shape } },
    );
  }
  return entry;
}

async function readFloat32(name: string, entry: TensorEntry): Promise<Float32Array> {
  const { dtype, file, byteOffset, byteLength } = entry;
  if (dtype !== "F32" && dtype !== "BF16" && dtype !== "F16") {
    throw new CheckpointError(
      "checkpoint.dtype",
      `${file}: tensor ${name} is ${dtype}; only BF16, F16 and F32 weights are read`,
      { facts: { file, tensor: name, dtype } },
    );
  }
  const count = elementCount(entry.shape);
  if (4 * count > decodedBytesMax) {
    throw new CheckpointError(
      "checkpoint.tensor_too_large",
      `${file}: tensor ${name} takes ${4 * count} bytes as float32, above ${decodedBytesMax}`,
      { facts: { file, tensor: name, bytes: 4 * count, limit: decodedBytesMax } },
    );
  }
  const values = new Float32Array(count);
  const size = tensorElementBytes(dtype);
  await withFile(file, async (handle) => {
    for (let done = 0; done < byteLength; done += chunkBytes) {
      const length = Math.min(chunkBytes, byteLength - done);
      const bytes = await readExactly(handle, file, byteOffset + done, length);
      widen(dtype, bytes.buffer, values, done / size);
    }
  });
  return values;
}

/** Writes the float32 values of `buffer` into `target` from `offset` on. */
function widen(
  dtype: "F32" | "BF16" | "F16",
  buffer: ArrayBuffer,
  target: Float32Array,
  offset: number,
): void {
  if (dtype === "F32") target.set(new Float32Array(buffer), offset);
  else if (dtype === "BF16") widenBfloat16(new Uint16Array(buffer), target, offset);
  else widenFloat16(new Uint16Array(buffer), target, offset);
}

/** Reads into a buffer of its own, so that typed arrays can be laid over it from offset 0. */
async function readExactly(
  handle: FileHandle,
  file: string,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) {
      throw new CheckpointError(
        "checkpoint.truncated",
        `${file} is cut short: no bytes at ${position + done}; fetch it again`,
        { facts: { file, needed: position + length, bytes: position + done } },
      );
    }
    done += bytesRead;
  }
  return bytes;
}

async function withFile<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const unreadable = (error: unknown) => {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(
      "checkpoint.file_unreadable",
      `cannot read ${file}: ${ensureError(error).message}`,
      { cause: error, facts: { file } },
    );
  };
  const handle = await open(file, "r").catch(unreadable);
  return await use(handle)
    .catch(unreadable)
    .finally(() => handle.close());
}

function tensorMissing(place: string, name: string): CheckpointError {
  return new CheckpointError(
    "checkpoint.tensor_missing",
    `${place} has no tensor ${name}; the checkpoint is incomplete or of another model`,
    { facts: { place, tensor: name } },
  );
}
