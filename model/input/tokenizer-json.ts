// The parts of a `tokenizer.json` and `tokenizer_config.json` that we read, and the rules a
// tokenizer must keep so that text and ids translate without loss.
import { z } from "zod";
import { byteCharacters } from "./byte-alphabet.ts";
import { TokenizerError } from "./errors.ts";

const idSchema = z.int().nonnegative();
/** Ids by token. Not a zod record, which would drop a token named `__proto__`. */
const vocabularySchema = z.custom<Readonly<Record<string, number>>>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((id) => Number.isInteger(id) && id >= 0),
  "must give each token an id",
);

/** `left right`, or the pair, in order of rank. Checked by hand: there are 150 000 of them. */
const mergesSchema = z.custom<readonly (string | readonly [string, string])[]>(
  (value) => Array.isArray(value) && value.every(isMerge),
  "must be a list of pairs",
);

function isMerge(value: unknown): boolean {
  if (typeof value === "string") return value.includes(" ");
  return (
    Array.isArray(value) && value.length === 2 && value.every((side) => typeof side === "string")
  );
}

const addedTokenSchema = z.looseObject({
  id: idSchema,
  content: z.string().min(1),
  special: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  single_word: z.boolean().default(false),
});

/** A byte-level BPE `tokenizer.json`; keys that we do not read pass through. */
export const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.looseObject({ type: z.literal("ByteLevel", "only byte-level tokenizers are read") }),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: vocabularySchema,
    merges: mergesSchema,
  }),
});

export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>;

/** A token as `tokenizer_config.json` names it: its text, or an object that holds it. */
const namedTokenSchema = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(({ content }) => content),
]);

/** A template, or several by name, of which transformers takes the one called "default". */
const templateSchema = z.union([
  z.string(),
  z
    .array(z.object({ name: z.string(), template: z.string() }))
    .transform((named) => named.find(({ name }) => name === "default")?.template ?? null),
]);

export const tokenizerConfigSchema = z.looseObject({
  eos_token: namedTokenSchema,
  pad_token: namedTokenSchema.nullish(),
  chat_template: templateSchema.nullish(),
});

export type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>;

/**
 * Refuses a tokenizer that would lose text: one without a token for some byte, with a merge that
 * leads to no token, or whose special tokens swallow their neighbours' spaces.
 *
 * @throws TokenizerError naming the token.
 */
export function requireLossless(json: TokenizerJson, source: string): void {
  const refuse = (fault: string, token: string) => {
    throw new TokenizerError("tokenizer.lossy", `${source}: ${fault}`, {
      facts: { source, token },
    });
  };
  const { vocab, merges } = json.model;
  for (const [byte, character] of byteCharacters.entries()) {
    if (!Object.hasOwn(vocab, character)) refuse(`no token stands for byte ${byte}`, character);
  }
  for (const merge of merges) {
    const [left = "", right = ""] = typeof merge === "string" ? merge.split(" ", 2) : merge;
    if (!Object.hasOwn(vocab, left + right)) {
      refuse(`merging ${left} and ${right} leads to no token`, left + right);
    }
  }
  for (const token of json.added_tokens) {
    if (token.lstrip || token.rstrip || token.single_word) {
      refuse(
        `added token ${token.content} strips its neighbours, which is not read`,
        token.content,
      );
    }
  }
}
