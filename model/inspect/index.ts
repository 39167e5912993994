// Tells what a checkpoint folder holds and what it will need, without loading its weights.
import { basename, join } from "node:path";
import { ensureError, VarftError } from "../../events/index.ts";
import { type ModelConfig, readConfig } from "../config.ts";
import {
  generationConfigFile,
  openCheckpoint,
  openTokenizer,
  readGenerationConfig,
  readPreprocessor,
  requireVocabulary,
  type TensorType,
} from "../input/index.ts";
import { modelParameters } from "../qwen/index.ts";
import { fileExists } from "../whole-file.ts";
import { type ModelMemory, modelMemory } from "./memory.ts";
import { bytesByType, type PartSize, partSizes, type WeightsFile, weightsFiles } from "./parts.ts";

export { exampleRank, exampleTokens, type ModelMemory } from "./memory.ts";

/** Everything that is told about a checkpoint folder. Sizes in bytes. */
export interface ModelFacts {
  readonly config: ModelConfig;
  readonly parts: readonly PartSize[];
  readonly files: readonly WeightsFile[];
  readonly types: readonly (readonly [type: TensorType, bytes: number])[];
  /** Tensors of the files that this model has no use for. */
  readonly unused: readonly string[];
  /** Null where it cannot be read; `problems` says why. */
  readonly tokenizer: {
    readonly size: number;
    readonly special: number;
    readonly endOfTurn: string;
  } | null;
  /** Prompt tokens that the smallest and the largest image take; null where that is not known. */
  readonly imageTokens: { readonly min: number; readonly max: number } | null;
  readonly memory: ModelMemory;
  /** What keeps the model from being used, besides its weights. */
  readonly problems: readonly string[];
}

/**
 * Reads all of a folder but its weights.
 *
 * @throws ModelConfigError, CheckpointError when there is no model of this kind in it
 */
export async function inspectModel(directory: string): Promise<ModelFacts> {
  const config = await readConfig(directory);
  const checkpoint = await openCheckpoint(directory);
  const parts = partSizes(config, checkpoint);
  const known = new Set(modelParameters(config).map(({ name }) => name));
  const problems: string[] = [];
  const tried = async <T>(read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read();
    } catch (thrown) {
      if (!(thrown instanceof VarftError)) throw thrown;
      problems.push(ensureError(thrown).message);
      return null;
    }
  };
  if (await fileExists(join(directory, generationConfigFile)))
    await tried(() => readGenerationConfig(directory, config.text));
  return {
    config,
    parts,
    files: weightsFiles(checkpoint).map((one) => ({ ...one, file: basename(one.file) })),
    types: bytesByType(checkpoint),
    unused: [...checkpoint.tensors.keys()].filter((name) => !known.has(name)),
    tokenizer: await tried(() => tokenizerFacts(directory, config)),
    imageTokens: await tried(() => imageFacts(directory, config)),
    memory: modelMemory(config, parts),
    problems,
  };
}

async function tokenizerFacts(directory: string, config: ModelConfig) {
  const tokenizer = await openTokenizer(directory);
  requireVocabulary(directory, tokenizer, config);
  return {
    size: tokenizer.vocabularySize,
    special: tokenizer.specialIds.length,
    endOfTurn: tokenizer.decode([tokenizer.endOfTurnId]),
  };
}

async function imageFacts(directory: string, { vision }: ModelConfig) {
  const preprocessor = await readPreprocessor(directory, vision);
  const { patchSize, mergeSize, pixelsMin, pixelsMax } = preprocessor;
  const tokens = (pixels: number) => Math.ceil(pixels / (patchSize * mergeSize) ** 2);
  return { min: tokens(pixelsMin), max: tokens(pixelsMax) };
}
