// `generation_config.json`: which ids end a turn. Sampling settings in it are not read: temperature
// and the like belong to a run, and the learner must apply the same ones.
import { join } from "node:path";
import { z } from "zod";
import { readJsonFile } from "./json-file.ts";

/** Name of the file in a checkpoint folder. */
export const generationConfigFile = "generation_config.json";

const idSchema = z.int().nonnegative();
const schema = z.looseObject({ eos_token_id: z.union([idSchema, z.array(idSchema).min(1)]) });

export interface GenerationConfig {
  /** Ids after which a turn is over, ascending. */
  readonly endIds: readonly number[];
}

/** Reads the file in `directory`. Throws CheckpointError naming the file and the key. */
export async function readGenerationConfig(directory: string): Promise<GenerationConfig> {
  const { eos_token_id: ids } = await readJsonFile(join(directory, generationConfigFile), schema);
  const endIds = typeof ids === "number" ? [ids] : [...new Set(ids)];
  return { endIds: endIds.sort((left, right) => left - right) };
}
