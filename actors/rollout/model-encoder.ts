// The environment's words as token ids, through the checkpoint's tokenizer and chat template.
import type { HashName } from "../../events/index.ts";
import type { ChatContent, Tokenizer } from "../../model/index.ts";
import type { ImageStore } from "../images.ts";
import type { EncodedText, Encoder, EnvironmentText } from "./ports.ts";

/** Where an image stands in the environment's words. */
const imageMark = "<image>";

/** An encoder over `tokenizer`; `images` tells how many tokens an image takes. */
export function modelEncoder(tokenizer: Tokenizer, images: ImageStore): Encoder {
  const countsOf = (names: readonly HashName[]) =>
    Promise.all(names.map((name) => images.tokens(name)));
  const encoded = (ids: readonly number[], names: readonly HashName[]): EncodedText => ({
    ids: Int32Array.from(ids),
    images: names,
  });
  return {
    async prompt(words) {
      const imageTokenCounts = await countsOf(words.images);
      const messages = [{ role: "user" as const, content: contentOf(words) }];
      const options = { addGenerationPrompt: true, imageTokenCounts };
      return encoded(tokenizer.encodeChat(messages, options), words.images);
    },
    async continuation(words, ended) {
      const imageTokenCounts = await countsOf(words.images);
      const options = { imageTokenCounts, turnEnded: ended };
      return encoded(tokenizer.encodeTurnSuffix(contentOf(words), options), words.images);
    },
    decode: (ids) => turnText(tokenizer, ids),
  };
}

/** What was said in a turn. Its end token is one of the chat, not of what was said. */
export function turnText(
  { endOfTurnId, decode }: Pick<Tokenizer, "endOfTurnId" | "decode">,
  ids: Int32Array,
): string {
  return decode(ids.at(-1) === endOfTurnId ? ids.subarray(0, -1) : ids);
}

/** Text with image marks as parts of a chat message. Marks beyond the images are text. */
function contentOf({ text, images }: EnvironmentText): ChatContent {
  const pieces = text.split(imageMark);
  const shown = Math.min(images.length, pieces.length - 1);
  const parts = pieces
    .slice(0, shown)
    .flatMap((piece) => [...textPart(piece), { type: "image" as const }]);
  return [...parts, ...textPart(pieces.slice(shown).join(imageMark))];
}

function textPart(text: string) {
  return text === "" ? [] : [{ type: "text" as const, text }];
}
