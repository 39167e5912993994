// A folder of a sentence-transformers model, as it is downloaded with its ONNX file: which files it
// has, and what they say about pooling and length.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readJsonFile } from "../input/index.ts";
import { fileExists } from "../whole-file.ts";
import { EmbedderError } from "./errors.ts";

/** How the vectors of tokens become one. */
export type Pooling = "mean" | "cls";

export interface EmbedderFolder {
  readonly onnx: string;
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
  readonly pooling: Pooling;
  /** Tokens of a text, those around it included. */
  readonly tokensMax: number;
  /** SHA-256 over the files that decide what comes out, hexadecimal. */
  readonly hash: string;
}

const onnxFiles = ["onnx/model.onnx", "model.onnx"] as const;
const poolingFile = "1_Pooling/config.json";
const lengthFile = "sentence_bert_config.json";
const tokenizerFile = "tokenizer.json";
const tokenizerConfigFile = "tokenizer_config.json";

/** What BERT has positions for. */
const tokensMaxDefault = 512;

const poolingSchema = z.object({
  pooling_mode_cls_token: z.boolean().optional(),
  pooling_mode_mean_tokens: z.boolean().optional(),
});
const lengthSchema = z.object({ max_seq_length: z.int().min(2).nullish() });

/**
 * Reads what the folder says. @throws {EmbedderError} or, for a malformed file, {CheckpointError}
 */
export async function readEmbedderFolder(directory: string): Promise<EmbedderFolder> {
  const found = await Promise.all(onnxFiles.map((name) => fileExists(join(directory, name))));
  const onnxFile = onnxFiles.find((_, index) => found[index]);
  if (onnxFile === undefined) {
    const wanted = onnxFiles.join(" or ");
    throw new EmbedderError(
      `${directory} has no ${wanted}: name a folder of a sentence-transformers model with its ONNX file`,
    );
  }
  const tokenizer = await readJson(directory, tokenizerFile, z.looseObject({}));
  if (tokenizer === null) throw new EmbedderError(`${directory} has no ${tokenizerFile}`);
  const tokenizerConfig = await readJson(directory, tokenizerConfigFile, z.looseObject({}));
  const pooling = await readJson(directory, poolingFile, poolingSchema);
  const length = await readJson(directory, lengthFile, lengthSchema);
  const isCls = pooling?.pooling_mode_cls_token === true;
  if (pooling !== null && !isCls && pooling.pooling_mode_mean_tokens !== true) {
    throw new EmbedderError(`${join(directory, poolingFile)}: only mean and cls can be pooled`);
  }
  const files = [onnxFile, tokenizerFile, tokenizerConfigFile, poolingFile, lengthFile];
  return {
    onnx: join(directory, onnxFile),
    tokenizer,
    tokenizerConfig: tokenizerConfig ?? {},
    pooling: isCls ? "cls" : "mean",
    tokensMax: length?.max_seq_length ?? tokensMaxDefault,
    hash: await hashOf(directory, files),
  };
}

async function hashOf(directory: string, files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) {
    if (!(await fileExists(join(directory, file)))) continue;
    hash.update(`${file}\n`);
    for await (const part of createReadStream(join(directory, file))) {
      hash.update(part as Uint8Array);
    }
  }
  return hash.digest("hex");
}

/** The file's content; null where there is none. */
async function readJson<T>(
  directory: string,
  file: string,
  schema: z.ZodType<T>,
): Promise<T | null> {
  const path = join(directory, file);
  return (await fileExists(path)) ? readJsonFile(path, schema) : null;
}
