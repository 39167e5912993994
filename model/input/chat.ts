// Prompts: messages through the checkpoint's chat template to token ids.
//
// Invariants: 1. the words around messages are the template's own, never written here;
//             2. only the template can place special tokens: a look-alike inside a message becomes
//                ordinary tokens, whatever its author intended;
//             3. without look-alikes the ids are those of the rendered text as a whole.
import { Template } from "@huggingface/jinja";
import { ensureError } from "../../events/index.ts";
import { PromptError, TokenizerError } from "./errors.ts";
import { type Segment, type SpecialTokens, unusedCharacters } from "./special-tokens.ts";

/** One part of a message. An image stands for itself by its place; pixels travel apart. */
export type ChatPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image" };

export type ChatContent = string | readonly ChatPart[];

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: ChatContent;
}

export interface RenderOptions {
  /** Ends the prompt where the model's turn begins. */
  readonly addGenerationPrompt: boolean;
}

export interface EncodeChatOptions extends RenderOptions {
  /** Number of tokens of each image, in the order of the messages (`imageTokenCount`). */
  readonly imageTokenCounts?: readonly number[];
}

export interface EncodeTurnOptions {
  /** As in `EncodeChatOptions`, for the images of this message alone. */
  readonly imageTokenCounts?: readonly number[];
  /**
   * True when the model ended its turn itself, so that the end token is part of what it sampled.
   * Else the ids begin with the end token, which then carries no loss.
   */
  readonly turnEnded: boolean;
}

/** What a template needs of its tokenizer. */
export interface ChatVocabulary {
  readonly special: SpecialTokens;
  readonly encodePlain: (text: string) => readonly number[];
  /** The token that ends a turn, and its id. */
  readonly endOfTurn: string;
  readonly endOfTurnId: number;
  /** The token that stands for image content; undefined in a tokenizer without images. */
  readonly imageId: number | undefined;
}

export class ChatTemplate {
  readonly #template: Template;
  readonly #source: string;
  readonly #place: string;
  readonly #vocabulary: ChatVocabulary;

  /**
   * @param place names the template in errors: its file, and the key in it
   * @throws TokenizerError when the template does not parse or asks for the time
   */
  constructor(source: string, place: string, vocabulary: ChatVocabulary) {
    this.#source = source;
    this.#place = place;
    this.#vocabulary = vocabulary;
    if (source.includes("strftime_now")) {
      throw new TokenizerError(
        "tokenizer.chat_template",
        `${place}: the template reads the clock (strftime_now); a prompt must depend on its ` +
          `messages alone, take that out`,
        { facts: { place } },
      );
    }
    this.#template = parseTemplate(source, place);
  }

  /** The prompt as text, for people. Encode with `encodeChat`, which look-alikes cannot fool. */
  render(messages: readonly ChatMessage[], options: RenderOptions): string {
    try {
      return this.#template.render({
        messages,
        add_generation_prompt: options.addGenerationPrompt,
        eos_token: this.#vocabulary.endOfTurn,
      });
    } catch (error) {
      throw templateFailed(`${this.#place}: the chat template refuses these messages`, error);
    }
  }

  /** The prompt as ids. */
  encode(messages: readonly ChatMessage[], options: EncodeChatOptions): number[] {
    const [mark = ""] = this.#unused(messages, 1);
    const rendered = this.render(this.#shield(messages, mark), options);
    const segments = this.#vocabulary.special.split(rendered);
    return this.#encode(segments, mark, options.imageTokenCounts ?? []);
  }

  /** The ids between a turn of the model and its next one, with a user message in between. */
  encodeTurn(content: ChatContent, options: EncodeTurnOptions): number[] {
    const message: ChatMessage = { role: "user", content };
    const [mark = "", turn = ""] = this.#unused([message], 2);
    const before: ChatMessage[] = [
      { role: "user", content: "" },
      { role: "assistant", content: turn },
    ];
    const messages = [...before, ...this.#shield([message], mark)];
    const rendered = this.render(messages, { addGenerationPrompt: true });
    const [, after, ...rest] = rendered.split(turn);
    const [end, ...segments] = this.#vocabulary.special.split(after ?? "");
    const { endOfTurnId } = this.#vocabulary;
    if (rest.length > 0 || end === undefined || !("id" in end) || end.id !== endOfTurnId) {
      throw new TokenizerError(
        "tokenizer.chat_template",
        `${this.#place}: the chat template does not write a model's turn as its text and ` +
          `${this.#vocabulary.endOfTurn} (eos_token), so a conversation cannot be continued`,
      );
    }
    const ids = this.#encode(segments, mark, options.imageTokenCounts ?? []);
    return options.turnEnded ? ids : [endOfTurnId, ...ids];
  }

  #encode(segments: readonly Segment[], mark: string, imageTokenCounts: readonly number[]) {
    const { imageId, encodePlain } = this.#vocabulary;
    const ids: number[] = [];
    let images = 0;
    for (const segment of segments) {
      if ("text" in segment) {
        for (const id of encodePlain(segment.text.replaceAll(mark, ""))) ids.push(id);
      } else if (segment.id === imageId) {
        const count = imageTokenCounts[images++] ?? 0;
        for (let index = 0; index < count; index++) ids.push(segment.id);
      } else {
        ids.push(segment.id);
      }
    }
    if (images === imageTokenCounts.length) return ids;
    throw new PromptError(
      "prompt.image_count",
      `the messages hold ${images} images, but token counts came for ${imageTokenCounts.length}`,
      { facts: { found: images, images: imageTokenCounts.length } },
    );
  }

  #shield(messages: readonly ChatMessage[], mark: string): ChatMessage[] {
    const shield = (text: string) => this.#vocabulary.special.shield(text, mark);
    return messages.map(({ role, content }) => ({
      role,
      content:
        typeof content === "string"
          ? shield(content)
          : content.map((part) =>
              part.type === "text" ? { type: "text", text: shield(part.text) } : part,
            ),
    }));
  }

  #unused(messages: readonly ChatMessage[], count: number): readonly string[] {
    const unused = unusedCharacters([this.#source, ...messages.flatMap(textsOf)], count);
    if (unused !== undefined) return unused;
    throw new PromptError(
      "prompt.private_use",
      "the messages use every character of Unicode's private use area; no prompt needs that",
    );
  }
}

function textsOf({ content }: ChatMessage): string[] {
  if (typeof content === "string") return [content];
  return content.flatMap((part) => (part.type === "text" ? [part.text] : []));
}

function parseTemplate(source: string, place: string): Template {
  try {
    return new Template(source);
  } catch (error) {
    throw templateFailed(`${place}: the chat template does not parse`, error);
  }
}

function templateFailed(fault: string, error: unknown): TokenizerError {
  return new TokenizerError("tokenizer.chat_template", `${fault}: ${ensureError(error).message}`, {
    cause: error,
  });
}
