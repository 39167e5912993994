// The environment's words as token ids, by the checkpoint's own chat template.
import type { ChatContent, Tokenizer } from "../../model/index.ts";
import { imageMark } from "../../tasks/index.ts";
import { PromptError } from "../errors.ts";
import type { Encoder, EnvironmentText } from "../rollout/index.ts";
import type { Pictures } from "./pictures.ts";

/** An encoder over a checkpoint's tokenizer. The model ends a turn by the tokenizer's end token. */
export function chatEncoder(tokenizer: Tokenizer, pictures: Pictures): Encoder {
  return {
    async prompt(words) {
      const imageTokenCounts = await pictures.tokenCounts(words.images);
      const messages = [{ role: "user" as const, content: contentOf(words) }];
      const options = { addGenerationPrompt: true, imageTokenCounts };
      return {
        ids: Int32Array.from(tokenizer.encodeChat(messages, options)),
        images: words.images,
      };
    },
    async continuation(words, ended) {
      const imageTokenCounts = await pictures.tokenCounts(words.images);
      const options = { imageTokenCounts, turnEnded: ended };
      const ids = tokenizer.encodeTurnSuffix(contentOf(words), options);
      return { ids: Int32Array.from(ids), images: words.images };
    },
    decode(ids) {
      const ended = ids.at(-1) === tokenizer.endOfTurnId;
      return tokenizer.decode(ended ? ids.subarray(0, -1) : ids);
    },
  };
}

function contentOf({ text, images }: EnvironmentText): ChatContent {
  const pieces = text.split(imageMark);
  if (pieces.length !== images.length + 1) throw new PromptError(pieces.length - 1, images.length);
  return pieces.flatMap((piece, index) => [
    ...(index > 0 ? [{ type: "image" as const }] : []),
    ...(piece === "" ? [] : [{ type: "text" as const, text: piece }]),
  ]);
}
