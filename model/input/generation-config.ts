// `generation_config.json`: which ids end a turn. Sampling settings in it are not read: temperature
// and the like belong to a run, and the learner must apply the same ones.
import { join } from "node:path";
import { z } from "zod";
import type { TextConfig } from "../config.ts";
import { CheckpointError } from "./errors.ts";
import { readJsonFile } from "./json-file.ts";

/** Name of the file in a checkpoint folder. */
export const generationConfigFile = "generation_config.json";

const idSchema = z.int().nonnegative();
const schema = z.looseObject({ eos_token_id: z.union([idSchema, z.array(idSchema).min(1)]) });

export interface GenerationConfig {
  /** Ids after which a turn is over, ascending. */
  readonly endIds: readonly number[];
}

/**
 * Reads the file in `directory`, the folder of a model with `vocabularySize` ids.
 *
 * @throws CheckpointError naming the file and the key
 */
export async function readGenerationConfig(
  directory: string,
  { vocabularySize }: Pick<TextConfig, "vocabularySize">,
): Promise<GenerationConfig> {
  const file = join(directory, generationConfigFile);
  const { eos_token_id: ids } = await readJsonFile(file, schema);
  const endIds = typeof ids === "number" ? [ids] : [...new Set(ids)];
  const beyond = endIds.find((id) => id >= vocabularySize);
  if (beyond !== undefined) {
    const key = "eos_token_id";
    throw new CheckpointError(
      "checkpoint.key",
      `${file}: key ${key}: ${beyond} lies outside of vocab_size = ${vocabularySize} in config.json`,
      { facts: { file, key } },
    );
  }
  return { endIds: endIds.sort((left, right) => left - right) };
}
