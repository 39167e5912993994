// Text to token ids and back, with a checkpoint's `tokenizer.json`. Ids are the truth: what the
// model sampled is kept as ids and never encoded again, since decoding forgets where tokens ended.
//
// Invariants: 1. text encoded with `special: false` never holds the id of a special token;
//             2. decoding what was encoded gives the NFC form of well-formed text, to the byte.
import { join } from "node:path";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { ensureError } from "../../events/index.ts";
import { fileExists } from "../whole-file.ts";
import { bytesOfToken } from "./byte-alphabet.ts";
import {
  type ChatContent,
  type ChatMessage,
  ChatTemplate,
  type EncodeChatOptions,
  type EncodeTurnOptions,
  type RenderOptions,
} from "./chat.ts";
import { TokenizerError } from "./errors.ts";
import { readJsonFile, readTextFile } from "./json-file.ts";
import { SpecialTokens } from "./special-tokens.ts";
import {
  requireLossless,
  type TokenizerConfig,
  type TokenizerJson,
  tokenizerConfigSchema,
  tokenizerJsonSchema,
} from "./tokenizer-json.ts";

export const tokenizerFile = "tokenizer.json";
export const tokenizerConfigFile = "tokenizer_config.json";
export const chatTemplateFile = "chat_template.jinja";
export const chatTemplateJsonFile = "chat_template.json";

/** The token that Qwen's processor puts in the place of image content. */
export const imageToken = "<|image_pad|>";

export interface Tokenizer {
  /** One above the largest id that has a token. A model's `vocab_size` may be larger. */
  readonly vocabularySize: number;
  /** Ids of special tokens, ascending. */
  readonly specialIds: readonly number[];
  /** Id of `eos_token`, by which the model ends a turn. */
  readonly endOfTurnId: number;
  /** Id of `pad_token`, or of `eos_token` where there is none. */
  readonly padId: number;
  /**
   * Ids of `text`. With `special` false a special token's text is ordinary text: use it for
   * everything that people, tools or the web wrote.
   */
  encode(text: string, options: { readonly special: boolean }): number[];
  /** Text of `ids`, special tokens included; bytes that are not UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** Id of a token by its text, such as `<|im_end|>`. Throws TokenizerError when there is none. */
  id(token: string): number;
  /** The prompt as text, for people. */
  renderChat(messages: readonly ChatMessage[], options: RenderOptions): string;
  /** The prompt as ids, each image taking as many tokens as `imageTokenCounts` says. */
  encodeChat(messages: readonly ChatMessage[], options: EncodeChatOptions): number[];
  /**
   * What continues a conversation after the ids of a model's turn: its end (unless `turnEnded`),
   * `content` as a user message, and the start of the model's next turn.
   */
  encodeTurnSuffix(content: ChatContent, options: EncodeTurnOptions): number[];
}

/** The files of a tokenizer, parsed. `source` names them in errors. */
export interface TokenizerParts {
  readonly tokenizerJson: unknown;
  readonly tokenizerConfig: unknown;
  /** Taken from `tokenizerConfig.chat_template` when absent. */
  readonly chatTemplate?: string;
  readonly source?: string;
}

/**
 * Opens the tokenizer of the checkpoint in `directory`. A chat template in its own file goes
 * before the one in `tokenizer_config.json`, as in transformers; two files must say the same.
 *
 * @throws CheckpointError when a file is missing or malformed, TokenizerError when its content
 * cannot serve.
 */
export async function openTokenizer(directory: string): Promise<Tokenizer> {
  const tokenizerJson = await readJsonFile(join(directory, tokenizerFile), tokenizerJsonSchema);
  const config = join(directory, tokenizerConfigFile);
  const tokenizerConfig = await readJsonFile(config, tokenizerConfigSchema);
  const template = (await readChatTemplate(directory)) ?? {
    text: requireTemplate(tokenizerConfig.chat_template, directory),
    place: `${config}, key chat_template`,
  };
  return assemble(tokenizerJson, tokenizerConfig, template, directory);
}

/** Makes a tokenizer of parsed files. Throws TokenizerError. */
export function createTokenizer(parts: TokenizerParts): Tokenizer {
  const { source = "tokenizer", chatTemplate } = parts;
  const json = check(tokenizerJsonSchema, parts.tokenizerJson, `${source}: ${tokenizerFile}`);
  const config = check(
    tokenizerConfigSchema,
    parts.tokenizerConfig,
    `${source}: ${tokenizerConfigFile}`,
  );
  const text = requireTemplate(chatTemplate ?? config.chat_template, source);
  return assemble(json, config, { text, place: source }, source);
}

interface PlacedTemplate {
  readonly text: string;
  /** Its file, and the key in it. */
  readonly place: string;
}

function assemble(
  json: TokenizerJson,
  config: TokenizerConfig,
  { text, place }: PlacedTemplate,
  source: string,
): Tokenizer {
  requireLossless(json, source);
  const ids = new Map(Object.entries(json.model.vocab));
  for (const { content, id } of json.added_tokens) ids.set(content, id);
  const requireId = (token: string): number => {
    const id = ids.get(token);
    if (id !== undefined) return id;
    throw new TokenizerError("tokenizer.token_missing", `${source} has no token ${token}`, {
      facts: { source, token },
    });
  };
  const specials = json.added_tokens.filter((token) => token.special);
  const special = new SpecialTokens(new Map(specials.map(({ content, id }) => [content, id])));
  const encodePlain = plainEncoder(json, source);
  const endOfTurnId = requireId(config.eos_token);
  const template = new ChatTemplate(text, place, {
    special,
    encodePlain,
    endOfTurn: config.eos_token,
    endOfTurnId,
    imageId: ids.get(imageToken),
  });
  return {
    vocabularySize: [...ids.values()].reduce((largest, id) => Math.max(largest, id), -1) + 1,
    specialIds: specials.map(({ id }) => id).sort((left, right) => left - right),
    endOfTurnId,
    padId: config.pad_token == null ? endOfTurnId : requireId(config.pad_token),
    encode: (text, options) =>
      options.special
        ? special.split(text).flatMap((part) => ("id" in part ? [part.id] : encodePlain(part.text)))
        : encodePlain(text),
    decode: decoder(json, source),
    id: requireId,
    renderChat: (messages, options) => template.render(messages, options),
    encodeChat: (messages, options) => template.encode(messages, options),
    encodeTurnSuffix: (content, options) => template.encodeTurn(content, options),
  };
}

/**
 * The library's tokenizer without special tokens: it cannot produce what it does not know. Tokens
 * that were added but are not special (such as `<tool_call>`) stay, as in transformers.
 */
function plainEncoder(json: TokenizerJson, source: string): (text: string) => number[] {
  const ordinary = json.added_tokens.filter((token) => !token.special);
  let library: HuggingFaceTokenizer;
  try {
    library = new HuggingFaceTokenizer({ ...json, added_tokens: ordinary }, {});
  } catch (error) {
    throw unsupported(source, error);
  }
  return (text) => library.encode(text, { add_special_tokens: false }).ids;
}

function decoder(json: TokenizerJson, source: string): (ids: Iterable<number>) => string {
  const tokens = new Map(Object.entries(json.model.vocab).map(([token, id]) => [id, token]));
  const added = new Map(json.added_tokens.map(({ content, id }) => [id, Buffer.from(content)]));
  return (ids) => {
    const parts: Uint8Array[] = [];
    for (const id of ids) {
      const bytes = added.get(id) ?? bytesOfToken(tokens.get(id));
      if (bytes === undefined) {
        throw new TokenizerError("tokenizer.id_unknown", `${source} has no token of id ${id}`, {
          facts: { source, id },
        });
      }
      parts.push(bytes);
    }
    return Buffer.concat(parts).toString("utf8");
  };
}

async function readChatTemplate(directory: string): Promise<PlacedTemplate | undefined> {
  const jinja = join(directory, chatTemplateFile);
  const json = join(directory, chatTemplateJsonFile);
  const bare = (await fileExists(jinja)) ? await readTextFile(jinja) : undefined;
  if (!(await fileExists(json)))
    return bare === undefined ? undefined : { text: bare, place: jinja };
  const { chat_template: text } = await readJsonFile(json, templateFileSchema);
  // A template's last line break is not part of what it writes.
  if (bare === undefined || bare.replace(/\n$/, "") === text.replace(/\n$/, ""))
    return { text, place: `${json}, key chat_template` };
  throw new TokenizerError(
    "tokenizer.chat_template",
    `${json}: key chat_template is another template than ${chatTemplateFile} beside it; ` +
      `transformers' processor takes the one and its tokenizer the other: remove the wrong one`,
    { facts: { json, jinja } },
  );
}

const templateFileSchema = z.looseObject({ chat_template: z.string() });

function requireTemplate(template: string | null | undefined, source: string): string {
  if (template != null) return template;
  throw new TokenizerError(
    "tokenizer.chat_template",
    `${source} has no chat template: neither ${chatTemplateFile}, ${chatTemplateJsonFile} nor ` +
      `chat_template in ${tokenizerConfigFile}; take an instruction-tuned checkpoint`,
    { facts: { source } },
  );
}

function unsupported(source: string, error: unknown): TokenizerError {
  return new TokenizerError(
    "tokenizer.unsupported",
    `${source}: ${tokenizerFile} asks for something unknown: ${ensureError(error).message}`,
    { cause: error, facts: { source } },
  );
}

function check<T>(schema: z.ZodType<T>, value: unknown, place: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new TokenizerError("tokenizer.malformed", `${place}: ${z.prettifyError(result.error)}`, {
    facts: { place },
  });
}
