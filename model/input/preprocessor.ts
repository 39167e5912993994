// `preprocessor_config.json` and its like: how images are prepared for this checkpoint.
import { join } from "node:path";
import { z } from "zod";
import type { VisionConfig } from "../config.ts";
import { fileExists } from "../whole-file.ts";
import { CheckpointError } from "./errors.ts";
import { readJsonFile } from "./json-file.ts";

/** Name of the file in a checkpoint folder. */
export const preprocessorFile = "preprocessor_config.json";

type Rgb = readonly [red: number, green: number, blue: number];

/** Settings of the image processor. Sizes in pixels. */
export interface Preprocessor {
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly mergeSize: number;
  /** Smallest and largest area of a resized image, pixels. */
  readonly pixelsMin: number;
  readonly pixelsMax: number;
  /** Bytes are multiplied by it before they are normalised. */
  readonly rescaleFactor: number;
  readonly mean: Rgb;
  readonly deviation: Rgb;
}

const count = z.int().positive();
const rgb = z.tuple([z.number(), z.number(), z.number()]);
const deviationRgb = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);
/** Pillow's number for bicubic, the only filter the model was trained with. */
const pillowBicubic = 3;

// A processor that skips a step would need other pixels than ours: such a file is refused.
const schema = z.object({
  do_convert_rgb: z.literal(true).default(true),
  do_resize: z.literal(true).default(true),
  do_rescale: z.literal(true).default(true),
  do_normalize: z.literal(true).default(true),
  resample: z.literal(pillowBicubic).default(pillowBicubic),
  patch_size: count.default(14),
  temporal_patch_size: count.default(2),
  merge_size: count.default(2),
  min_pixels: count.nullish(),
  max_pixels: count.nullish(),
  // Newer tools write the two areas here, under names that speak of edges.
  size: z
    .object({
      min_pixels: count.nullish(),
      max_pixels: count.nullish(),
      shortest_edge: count.nullish(),
      longest_edge: count.nullish(),
    })
    .nullish(),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  image_mean: rgb.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: deviationRgb.default([0.26862954, 0.26130258, 0.27577711]),
});

/**
 * The file in which transformers 5 saves the image processor among others. Earlier versions wrote
 * one without it beside the file above.
 */
const processorFile = "processor_config.json";

const processorSchema = z.object({ image_processor: schema.optional() });

const pixelsMinDefault = 56 * 56;
const pixelsMaxDefault = 28 * 28 * 1280;

/** The sizes in which the tower and the preprocessor must agree, and their keys in both files. */
const sharedSizes = [
  ["patchSize", "patch_size", "patch_size"],
  ["temporalPatchSize", "temporal_patch_size", "temporal_patch_size"],
  ["mergeSize", "merge_size", "spatial_merge_size"],
] as const;

/** What the tower of a checkpoint says of its patches; a `VisionConfig` fits as it is. */
export type TowerPatches = Pick<VisionConfig, (typeof sharedSizes)[number][0]>;

/**
 * Reads the image processor in `processor_config.json` of the checkpoint in `directory`, or
 * `preprocessor_config.json` where there is none, in the order of transformers; keys that are
 * absent take the defaults of Qwen2VLImageProcessor.
 *
 * @param tower what its patches must be; when absent, that is not checked
 * @throws CheckpointError naming the file and the key.
 */
export async function readPreprocessor(
  directory: string,
  tower?: TowerPatches,
): Promise<Preprocessor> {
  const { file, json } = await readSettings(directory);
  const { size } = json;
  const preprocessor = {
    patchSize: json.patch_size,
    temporalPatchSize: json.temporal_patch_size,
    mergeSize: json.merge_size,
    pixelsMin: json.min_pixels ?? size?.min_pixels ?? size?.shortest_edge ?? pixelsMinDefault,
    pixelsMax: json.max_pixels ?? size?.max_pixels ?? size?.longest_edge ?? pixelsMaxDefault,
    rescaleFactor: json.rescale_factor,
    mean: json.image_mean,
    deviation: json.image_std,
  };
  const { pixelsMin, pixelsMax } = preprocessor;
  if (pixelsMin > pixelsMax)
    throw wrongKey(file, "min_pixels", `${pixelsMin} is above max_pixels (${pixelsMax})`);
  for (const [size, key, towerKey] of sharedSizes) {
    const [found, wanted] = [preprocessor[size], tower?.[size] ?? preprocessor[size]];
    if (found === wanted) continue;
    const contradiction = `vision_config.${towerKey} is ${wanted} in config.json`;
    throw wrongKey(file, key, `${found}, but ${contradiction}; the files are of different models`);
  }
  return preprocessor;
}

function wrongKey(file: string, key: string, fault: string): CheckpointError {
  return new CheckpointError("checkpoint.key", `${file}: key ${key}: ${fault}`, {
    facts: { file, key },
  });
}

async function readSettings(directory: string) {
  const file = join(directory, processorFile);
  const later = (await fileExists(file)) ? await readJsonFile(file, processorSchema) : {};
  if (later.image_processor !== undefined) return { file, json: later.image_processor };
  const published = join(directory, preprocessorFile);
  return { file: published, json: await readJsonFile(published, schema) };
}
