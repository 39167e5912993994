// Whether a tokenizer fits the model that its folder holds.
import { join } from "node:path";
import type { ModelConfig } from "../config.ts";
import { TokenizerError } from "./errors.ts";
import { type Tokenizer, tokenizerFile } from "./tokenizer.ts";

/**
 * Every id of the tokenizer must have a row of the embedding. The other way round is usual:
 * embeddings are padded to a round number.
 *
 * @throws TokenizerError naming both files and both sizes
 */
export function requireVocabulary(
  directory: string,
  { vocabularySize }: Pick<Tokenizer, "vocabularySize">,
  { text }: Pick<ModelConfig, "text">,
): void {
  if (vocabularySize <= text.vocabularySize) return;
  const file = join(directory, tokenizerFile);
  throw new TokenizerError(
    "tokenizer.vocabulary",
    `${file} has ids up to ${vocabularySize - 1}, but config.json gives the embedding vocab_size ` +
      `= ${text.vocabularySize} rows; tokenizer and weights are from different models, or the ` +
      `embedding was not resized when tokens were added`,
    { facts: { file, key: "vocab_size", vocabularySize, embeddingRows: text.vocabularySize } },
  );
}
