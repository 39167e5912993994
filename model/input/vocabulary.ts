// Whether a tokenizer fits the model that its folder holds.
import { join } from "node:path";
import type { ModelConfig } from "../config.ts";
import { TokenizerError } from "./errors.ts";
import { imageToken, type Tokenizer, tokenizerFile } from "./tokenizer.ts";

/**
 * Every id of the tokenizer must have a row of the embedding. The other way round is usual:
 * embeddings are padded to a round number. And the token that stands for image content must be the
 * one that the model replaces by an image.
 *
 * @throws TokenizerError naming both files and what they say
 */
export function requireVocabulary(
  directory: string,
  { vocabularySize, id }: Pick<Tokenizer, "vocabularySize" | "id">,
  { text, tokens }: Pick<ModelConfig, "text" | "tokens">,
): void {
  const file = join(directory, tokenizerFile);
  if (vocabularySize > text.vocabularySize) {
    throw new TokenizerError(
      "tokenizer.vocabulary",
      `${file} has ids up to ${vocabularySize - 1}, but config.json gives the embedding ` +
        `vocab_size = ${text.vocabularySize} rows; tokenizer and weights are from different ` +
        `models, or the embedding was not resized when tokens were added`,
      { facts: { file, key: "vocab_size", vocabularySize, embeddingRows: text.vocabularySize } },
    );
  }
  const imageId = id(imageToken);
  if (imageId === tokens.image) return;
  throw new TokenizerError(
    "tokenizer.image_token",
    `${file} gives ${imageToken} the id ${imageId}, but config.json: key image_token_id: ` +
      `${tokens.image}; tokenizer and weights are from different models`,
    { facts: { file, key: "image_token_id", found: imageId, expected: tokens.image } },
  );
}
