// What a model is made of: its parameters by part, and where they lie on the disk.
import type { ModelConfig } from "../config.ts";
import {
  type Checkpoint,
  requireFloat,
  requireLayers,
  type TensorEntry,
  type TensorType,
} from "../input/index.ts";
import { isVisionName, modelParameters, sizeOfShape } from "../qwen/index.ts";

/** The parts of a model, in the order in which data flows through them. */
export const modelParts = [
  "patch embedding",
  "vision layers",
  "merger",
  "token embedding",
  "language layers",
  "last norm",
  "head",
] as const;

/** A part of a model. */
export type ModelPart = (typeof modelParts)[number];

/** A part's parameters, as the checkpoint holds them. */
export interface PartSize {
  readonly part: ModelPart;
  readonly tensors: number;
  readonly parameters: number;
  /** Bytes in the checkpoint's files. */
  readonly bytes: number;
}

/** A file of weights. */
export interface WeightsFile {
  readonly file: string;
  readonly tensors: number;
  /** Bytes of tensor data. */
  readonly bytes: number;
}

/** The part that a parameter belongs to, by its published name. */
export function partOf(name: string): ModelPart {
  if (isVisionName(name)) {
    if (name.startsWith("visual.patch_embed.")) return "patch embedding";
    return name.startsWith("visual.merger.") ? "merger" : "vision layers";
  }
  if (name.startsWith("model.layers.")) return "language layers";
  if (name.startsWith("model.embed_tokens.")) return "token embedding";
  return name.startsWith("model.norm.") ? "last norm" : "head";
}

/**
 * Sizes part by part; a tied head has no parameters of its own and is left out.
 *
 * @throws CheckpointError when a tensor is missing, has another shape than the config asks for or
 * no type that is read, or is of a layer that the config does not have
 */
export function partSizes(config: ModelConfig, checkpoint: Checkpoint): readonly PartSize[] {
  requireLayers(checkpoint, config);
  const sizes = new Map<ModelPart, PartSize>();
  for (const { name, shape } of modelParameters(config)) {
    const part = partOf(name);
    const entry = checkpoint.entry(name, shape);
    requireFloat(name, entry);
    const before = sizes.get(part);
    sizes.set(part, {
      part,
      tensors: (before?.tensors ?? 0) + 1,
      parameters: (before?.parameters ?? 0) + sizeOfShape(shape),
      bytes: (before?.bytes ?? 0) + entry.byteLength,
    });
  }
  return modelParts.flatMap((part) => sizes.get(part) ?? []);
}

/** Tensor data file by file. */
export function weightsFiles({ tensors }: Checkpoint): readonly WeightsFile[] {
  return sumsBy(tensors, ({ file }) => file).map(([file, sum]) => ({ file, ...sum }));
}

/** Bytes of tensor data by element type, the largest first. */
export function bytesByType({
  tensors,
}: Checkpoint): readonly (readonly [type: TensorType, bytes: number])[] {
  const sums = sumsBy(tensors, ({ dtype }) => dtype);
  return sums.map(([type, { bytes }]) => [type, bytes] as const).sort(([, a], [, b]) => b - a);
}

function sumsBy<K>(
  tensors: ReadonlyMap<string, TensorEntry>,
  keyOf: (entry: TensorEntry) => K,
): readonly (readonly [K, { readonly tensors: number; readonly bytes: number }])[] {
  const sums = new Map<K, { tensors: number; bytes: number }>();
  for (const entry of tensors.values()) {
    const key = keyOf(entry);
    const sum = sums.get(key) ?? { tensors: 0, bytes: 0 };
    sums.set(key, { tensors: sum.tensors + 1, bytes: sum.bytes + entry.byteLength });
  }
  return [...sums];
}
