// Writes a checkpoint folder anew with other values in some of its tensors, one tensor at a time.
//
// Invariants: 1. memory is bounded by the largest changed tensor, not by the checkpoint (I7);
//             2. tensors that are not changed keep their bytes, and files their cut into shards;
//             3. names are the published ones, which every version of transformers reads;
//             4. `config.json` comes last: a folder without it is a writing that did not end.
import { copyFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { assert } from "../../events/index.ts";
import {
  type Checkpoint,
  configFile,
  elementCount,
  floatBytes,
  floatPieces,
  formatHeader,
  formatJson,
  isFloatType,
  openCheckpoint,
  readJsonFile,
  sortedNames,
  type TensorEntry,
  type TensorForm,
  type TensorType,
  tensorBytes,
  tensorElementBytes,
  weightsFile,
  weightsIndexFile,
} from "../input/index.ts";
import { writeWholeFile } from "../whole-file.ts";
import { intoNewFolder } from "./new-folder.ts";

/** What is written otherwise than it stands in the base. */
export interface Rewrite {
  /** New values of a tensor by its published name, made when it is its turn. */
  readonly changes: ReadonlyMap<string, () => Promise<Float32Array>>;
  /** Tensors that are left out. */
  readonly without?: ReadonlySet<string>;
  /** `base`: every tensor keeps its type; `F32`: all are widened. */
  readonly dtype: "base" | "F32";
  /** Further JSON files by name. */
  readonly notes?: Readonly<Record<string, object>>;
  /** Told after each piece of data, in bytes. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Weights in any format: they are written anew, or would be stale. */
const weighty = /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|onnx)$|\.index\.json$/;

/**
 * Writes the checkpoint in `base` to `directory`, which must be new or empty. Resolves to the types
 * in which changed tensors were written: what is not F32 was rounded.
 *
 * @throws CheckpointError when the base is damaged, OutputError when the folder is not empty
 */
export async function rewriteCheckpoint(
  base: string,
  directory: string,
  rewrite: Rewrite,
): Promise<readonly TensorType[]> {
  const checkpoint = await openCheckpoint(base);
  const shards = planShards(checkpoint, rewrite);
  await intoNewFolder(directory, async () => {
    await writeShards(directory, shards, rewrite);
    for (const entry of await readdir(base, { withFileTypes: true })) {
      const { name } = entry;
      if (entry.isDirectory() || weighty.test(name) || name === configFile) continue;
      rewrite.signal?.throwIfAborted();
      await copyFile(join(base, name), join(directory, name));
    }
    for (const [name, value] of Object.entries(rewrite.notes ?? {}))
      await writeWholeFile(join(directory, name), [formatJson(value)]);
    await writeConfig(base, directory, rewrite.dtype);
  });
  const planned = [...shards.values()].flatMap((shard) => [...shard]);
  const changed = planned.filter(([name]) => rewrite.changes.has(name));
  return [...new Set(changed.map(([, { dtype }]) => dtype))];
}

interface PlannedTensor extends TensorForm {
  readonly entry: TensorEntry;
}

/** File names with the tensors they will hold. */
type Shards = ReadonlyMap<string, ReadonlyMap<string, PlannedTensor>>;

function planShards({ tensors }: Checkpoint, { dtype, changes, without }: Rewrite): Shards {
  for (const name of changes.keys()) assert(tensors.has(name), `${name} is a tensor of the base`);
  const shards = new Map<string, Map<string, PlannedTensor>>();
  for (const [name, entry] of tensors) {
    if (without?.has(name)) continue;
    const file = basename(entry.file);
    const shard = shards.get(file) ?? new Map<string, PlannedTensor>();
    const written = dtype === "F32" && isFloatType(entry.dtype) ? "F32" : entry.dtype;
    shards.set(file, shard.set(name, { dtype: written, shape: entry.shape, entry }));
  }
  return shards;
}

async function writeShards(directory: string, shards: Shards, rewrite: Rewrite): Promise<void> {
  const totalBytes = [...shards.values()]
    .flatMap((shard) => [...shard.values()])
    .reduce((sum, form) => sum + bytesOf(form), 0);
  const progress = { doneBytes: 0, totalBytes };
  const weightMap: Record<string, string> = {};
  for (const [file, shard] of shards) {
    await writeWholeFile(join(directory, file), shardParts(shard, rewrite, progress));
    for (const name of sortedNames(shard.keys())) weightMap[name] = file;
  }
  if (shards.size === 1 && shards.has(weightsFile)) return;
  const index = { metadata: { total_size: totalBytes }, weight_map: weightMap };
  await writeWholeFile(join(directory, weightsIndexFile), [formatJson(index)]);
}

async function* shardParts(
  shard: ReadonlyMap<string, PlannedTensor>,
  { changes, onProgress, signal }: Rewrite,
  progress: { doneBytes: number; readonly totalBytes: number },
): AsyncGenerator<Uint8Array> {
  yield formatHeader(shard);
  for (const name of sortedNames(shard.keys())) {
    const planned = shard.get(name);
    assert(planned !== undefined, `tensor ${name} vanished while it was written`);
    for await (const bytes of dataOf(name, planned, changes)) {
      signal?.throwIfAborted();
      yield bytes;
      progress.doneBytes += bytes.length;
      onProgress?.(progress.doneBytes, progress.totalBytes);
    }
  }
}

async function* dataOf(
  name: string,
  { dtype, entry }: PlannedTensor,
  changes: Rewrite["changes"],
): AsyncGenerator<Uint8Array> {
  const change = changes.get(name);
  if (change === undefined && dtype === entry.dtype) {
    yield* tensorBytes(entry);
    return;
  }
  assert(isFloatType(dtype), `tensor ${name} is of a float type`);
  if (change === undefined) {
    for await (const values of floatPieces(entry)) yield* floatBytes(values, dtype);
    return;
  }
  const values = await change();
  assert(values.length === elementCount(entry.shape), `the new ${name} has the shape of the old`);
  yield* floatBytes(values, dtype);
}

function bytesOf({ dtype, shape }: TensorForm): number {
  return elementCount(shape) * tensorElementBytes(dtype);
}

/** The keys under which versions of transformers keep the type of a checkpoint's weights. */
const typeKeys = ["torch_dtype", "dtype"] as const;

async function writeConfig(base: string, directory: string, dtype: Rewrite["dtype"]) {
  const [from, to] = [join(base, configFile), join(directory, configFile)];
  if (dtype === "base") {
    await copyFile(from, to);
    return;
  }
  const config = await readJsonFile(from, z.record(z.string(), z.unknown()));
  for (const part of [config, config["text_config"], config["vision_config"]]) {
    if (typeof part !== "object" || part === null) continue;
    for (const key of typeKeys) if (key in part) Object.assign(part, { [key]: "float32" });
  }
  await writeWholeFile(to, [formatJson(config)]);
}
