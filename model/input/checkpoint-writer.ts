// Writes a checkpoint folder in the layout of the Hugging Face hub, so that transformers and this
// project read it alike.
//
// Invariants: 1. the bytes of every file are a function of the arguments;
//             2. files appear complete or not at all, and `config.json` comes last: a folder
//                without it is a writing that did not end.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeWholeFile } from "../whole-file.ts";
import { weightsFile, weightsIndexFile } from "./checkpoint.ts";
import { generationConfigFile } from "./generation-config.ts";
import { formatJson } from "./json-file.ts";
import { preprocessorFile } from "./preprocessor.ts";
import {
  elementCount,
  sortedNames,
  tensorElementBytes,
  type WritableTensorType,
} from "./safetensors-header.ts";
import { type Tensor, writeSafetensors } from "./safetensors-write.ts";
import { chatTemplateJsonFile, tokenizerConfigFile, tokenizerFile } from "./tokenizer.ts";

/** Name of the file that describes the network. */
export const configFile = "config.json";

type JsonObject = Readonly<Record<string, unknown>>;

/** What a checkpoint folder holds. JSON objects are written with their keys in the given order. */
export interface CheckpointContent {
  readonly config: JsonObject;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly tokenizerJson: object;
  /** `chat_template` is added to it. */
  readonly tokenizerConfig: JsonObject;
  readonly preprocessor: JsonObject;
  readonly generationConfig: JsonObject;
  readonly chatTemplate: string;
  readonly dtype: WritableTensorType;
  /** Largest tensor data of one file; more becomes numbered shards. One file when absent. */
  readonly shardBytesMax?: number;
}

/** Writes `content` to `directory`, which is created; weights of an earlier writing are removed. */
export async function writeCheckpoint(
  directory: string,
  content: CheckpointContent,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const file of [configFile, weightsFile, weightsIndexFile]) {
    await rm(join(directory, file), { force: true });
  }
  await writeWeights(directory, content);
  const { chatTemplate } = content;
  const files: readonly (readonly [string, unknown])[] = [
    [tokenizerFile, content.tokenizerJson],
    [tokenizerConfigFile, { ...content.tokenizerConfig, chat_template: chatTemplate }],
    [chatTemplateJsonFile, { chat_template: chatTemplate }],
    [preprocessorFile, content.preprocessor],
    [generationConfigFile, content.generationConfig],
    [configFile, content.config],
  ];
  for (const [name, value] of files)
    await writeWholeFile(join(directory, name), [formatJson(value)]);
}

async function writeWeights(directory: string, content: CheckpointContent): Promise<void> {
  const { tensors, dtype, shardBytesMax = Number.POSITIVE_INFINITY } = content;
  const shards = planShards(tensors, tensorElementBytes(dtype), shardBytesMax);
  if (shards.length === 1) {
    await writeSafetensors(join(directory, weightsFile), tensors, dtype);
    return;
  }
  const weightMap: Record<string, string> = {};
  let totalSize = 0;
  for (const [index, shard] of shards.entries()) {
    const name = `model-${padded(index + 1)}-of-${padded(shards.length)}.safetensors`;
    await writeSafetensors(join(directory, name), shard, dtype);
    for (const [tensor, { shape }] of shard) {
      weightMap[tensor] = name;
      totalSize += elementCount(shape) * tensorElementBytes(dtype);
    }
  }
  const index = { metadata: { total_size: totalSize }, weight_map: weightMap };
  await writeWholeFile(join(directory, weightsIndexFile), [formatJson(index)]);
}

/** Tensors in name order, cut where the next one would go past `bytesMax`. */
function planShards(
  tensors: ReadonlyMap<string, Tensor>,
  bytesPerElement: number,
  bytesMax: number,
): readonly ReadonlyMap<string, Tensor>[] {
  let shard = new Map<string, Tensor>();
  const shards = [shard];
  let bytes = 0;
  for (const name of sortedNames(tensors.keys())) {
    const tensor = tensors.get(name);
    if (tensor === undefined) continue;
    const length = elementCount(tensor.shape) * bytesPerElement;
    if (shard.size > 0 && bytes + length > bytesMax) {
      shard = new Map();
      shards.push(shard);
      bytes = 0;
    }
    shard.set(name, tensor);
    bytes += length;
  }
  return shards;
}

function padded(number: number): string {
  return String(number).padStart(5, "0");
}
