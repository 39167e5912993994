// Where a policy's weights come from: a checkpoint folder, or tensors in memory.
import { basename } from "node:path";
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import { readConfig } from "../config.ts";
import { TensorError } from "../errors.ts";
import type { DataType } from "../graph/index.ts";
import { openCheckpoint, requireFloat, requireLayers } from "../input/index.ts";
import type { FrozenTensors, TensorMap, Tuning } from "../qwen/index.ts";
import { initialAdapters, modelParameters, sizeOfShape, tunedParameters } from "../qwen/index.ts";

/** A checkpoint folder, or a config with its tensors. */
export type PolicySource =
  | {
      readonly directory: string;
      /**
       * Whether frozen weights stay in their file, mapped, and are widened at every use. By default
       * this is so for models above 2 GiB in float32.
       */
      readonly mapped?: boolean;
    }
  | { readonly config: ModelConfig; readonly tensors: TensorMap };

/** An opened source. */
export interface OpenedSource {
  readonly config: ModelConfig;
  readonly frozen: FrozenTensors;
  readonly trainable: TensorMap;
  /** Folder of the files that frozen tensors lie in. */
  readonly directory: string | undefined;
  readonly mapped: boolean;
}

/** Above this many bytes of float32 weights, frozen ones stay in their file. */
const residentBytesMax = 2 ** 31;

const storedTypes: Readonly<Record<string, DataType>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** Opens a source; all trainable parameters are read, frozen ones only located. */
export async function openSource(source: PolicySource, tuning: Tuning): Promise<OpenedSource> {
  return "directory" in source
    ? openDirectory(source, tuning)
    : openTensors(source.config, source.tensors, tuning);
}

/** Whether the frozen weights of a model stay in their file unless something else is asked for. */
export function isMappedBySize(config: ModelConfig): boolean {
  const sizes = modelParameters(config).map(({ shape }) => 4 * sizeOfShape(shape));
  return sizes.reduce((sum, bytes) => sum + bytes, 0) > residentBytesMax;
}

async function openDirectory(
  { directory, mapped }: Extract<PolicySource, { readonly directory: string }>,
  tuning: Tuning,
): Promise<OpenedSource> {
  const config = await readConfig(directory);
  const checkpoint = await openCheckpoint(directory);
  requireLayers(checkpoint, config);
  const parameters = modelParameters(config);
  // Sessions would find this, too, but a run opens them after it has begun.
  for (const { name, shape } of parameters) requireFloat(name, checkpoint.entry(name, shape));
  const trainable = new Map<string, Float32Array>();
  if (tuning.type === "full") {
    for (const { name, shape } of tunedParameters(config, tuning))
      trainable.set(name, await checkpoint.readFloat32(name, shape));
  }
  const frozen: FrozenTensors = (name) => {
    const entry = checkpoint.entry(name);
    const dtype = storedTypes[entry.dtype];
    assert(dtype !== undefined, `the graph has a type for ${entry.dtype}`);
    const file = basename(entry.file);
    return {
      dtype,
      source: { type: "file", file, offset: entry.byteOffset, length: entry.byteLength },
    };
  };
  return {
    config,
    frozen,
    trainable: tuning.type === "lora" ? initialAdapters(config, tuning) : trainable,
    directory,
    mapped: mapped ?? isMappedBySize(config),
  };
}

async function openTensors(
  config: ModelConfig,
  tensors: TensorMap,
  tuning: Tuning,
): Promise<OpenedSource> {
  for (const { name, shape } of modelParameters(config)) {
    const values = tensors.get(name);
    if (values?.length !== sizeOfShape(shape))
      throw new TensorError(name, `expected shape [${shape}], got ${values?.length ?? "nothing"}`);
  }
  const frozen: FrozenTensors = (name) => {
    const data = tensors.get(name);
    assert(data !== undefined, `tensor ${name} is no parameter of the model`);
    return { dtype: "float32", source: { type: "inline", data } };
  };
  const tuned = tunedParameters(config, tuning).map(
    ({ name }) => [name, tensors.get(name) ?? new Float32Array()] as const,
  );
  const trainable = tuning.type === "lora" ? initialAdapters(config, tuning) : new Map(tuned);
  return { config, frozen, trainable, directory: undefined, mapped: false };
}
