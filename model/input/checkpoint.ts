// Reads the weights of a Hugging Face checkpoint folder: one `model.safetensors`, or shards named
// by `model.safetensors.index.json`. Only headers are read at opening; tensors come on demand.
//
// Invariants: 1. every tensor is known with its exact place before the first one is read;
//             2. the index and the shards agree: a tensor lies in the file the index names, and
//                no shard holds a tensor that the index does not give it (I6);
//             3. tensors go by their published names, whatever layout the files were written in.
import { basename, join } from "node:path";
import { z } from "zod";
import { fileExists } from "../whole-file.ts";
import { CheckpointError } from "./errors.ts";
import { readJsonFile } from "./json-file.ts";
import {
  parseHeader,
  parseHeaderLength,
  safetensorsPrefixBytes,
  type TensorEntry,
} from "./safetensors-header.ts";
import { openFile, readExactly, readFloat32 } from "./tensor-data.ts";
import { publishedName } from "./tensor-names.ts";

/** Name of the single weights file. */
export const weightsFile = "model.safetensors";
/** Name of the file that maps tensors to shards. */
export const weightsIndexFile = "model.safetensors.index.json";

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
  /** Every tensor by its published name, file by file, in the order of the file. */
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
  const tensors = published(directory, await openTensors(directory));
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
  const handle = await openFile(file);
  try {
    const { size } = await handle.stat();
    const prefix = await readExactly(handle, file, 0, Math.min(size, safetensorsPrefixBytes));
    const length = parseHeaderLength(prefix, file, size);
    const header = await readExactly(handle, file, safetensorsPrefixBytes, length);
    return parseHeader(header, file, size);
  } finally {
    await handle.close();
  }
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
    const file = join(directory, shard);
    if (!(await fileExists(file))) throw shardMissing(file, index, shard, weight_map);
    for (const [name, entry] of await readSafetensorsHeader(file)) {
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

/** Tensors under their published names; both layouts in one folder are a contradiction. */
function published(
  directory: string,
  tensors: ReadonlyMap<string, TensorEntry>,
): ReadonlyMap<string, TensorEntry> {
  const renamed = new Map<string, TensorEntry>();
  for (const [written, entry] of tensors) {
    const name = publishedName(written);
    if (renamed.has(name)) {
      throw new CheckpointError(
        "checkpoint.tensor_twice",
        `${directory} holds tensor ${name} twice, once more as ${written} in ${entry.file}; ` +
          `keep one of the two layouts`,
        { facts: { directory, file: entry.file, tensor: name } },
      );
    }
    renamed.set(name, entry);
  }
  return renamed;
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

function tensorMissing(place: string, name: string): CheckpointError {
  return new CheckpointError(
    "checkpoint.tensor_missing",
    `${place} has no tensor ${name}; the checkpoint is incomplete or of another model`,
    { facts: { place, tensor: name } },
  );
}

function shardMissing(
  file: string,
  index: string,
  shard: string,
  weightMap: Readonly<Record<string, string>>,
): CheckpointError {
  const names = Object.keys(weightMap).filter((name) => weightMap[name] === shard);
  const others = names.length > 1 ? ` and ${names.length - 1} more` : "";
  return new CheckpointError(
    "checkpoint.shard_missing",
    `${file} is missing: ${basename(index)} places tensor ${names[0]}${others} in it; fetch the ` +
      `file, or all of the checkpoint again`,
    { facts: { file, index, tensors: names.length } },
  );
}
