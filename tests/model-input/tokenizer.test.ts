// Goal: text and ids translate without loss, as the reference library does, and nobody but the chat
// template places special tokens.
// Method: a table of the Rust library (tests/reference/tokenizer_parity.py), properties over
// Unicode.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sha256Hex } from "../../events/index.ts";
import {
  buildTokenizer,
  type ChatMessage,
  createTokenizer,
  PromptError,
  qwenChatTemplate,
  qwenSpecialTokens,
  TokenizerError,
} from "../../model/input/index.ts";
import { raises } from "./raises.ts";
import {
  smallCorpus,
  smallTokenizer,
  smallTokenizerConfig,
  smallTokenizerJson,
} from "./small-tokenizer.ts";

const test = suite("model-input/tokenizer");
const seed = 20250524;
const type = TokenizerError;

const tokenizer = smallTokenizer();
const specialIds = new Set(tokenizer.specialIds);

interface Parity {
  readonly tokenizer: unknown;
  readonly cases: readonly (readonly [text: string, ids: readonly number[], decoded: string])[];
}
const parity: Parity = JSON.parse(
  readFileSync(new URL("../fixtures/tokenizer-parity.json", import.meta.url), "utf8"),
);

/** Text that likes to look like the special tokens. */
const trickyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 3 }),
      fc.constantFrom(...qwenSpecialTokens, "<|im_", "end|>", "<|", "|>", "<", "\n", "<tool_call>"),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

/** What UTF-8 leaves of a text: halves of surrogate pairs become U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** What UTF-8 and NFC leave of a text. */
function normalised(text: string): string {
  return wellFormed(text).normalize("NFC");
}

test("ids and text are those of the Rust library", () => {
  const parts = { tokenizerConfig: smallTokenizerConfig, chatTemplate: qwenChatTemplate };
  const same = createTokenizer({ tokenizerJson: parity.tokenizer, ...parts });
  assert.ok(parity.cases.length > 100);
  for (const [text, ids, decoded] of parity.cases) {
    assert.equal(same.encode(text, { special: true }), [...ids], JSON.stringify(text));
    assert.is(same.decode(ids), decoded);
  }
});

test("training gives the tokenizer of the table again", () => {
  // Hashes, since a difference of such long texts is unreadable.
  assert.is(
    sha256Hex(JSON.stringify(smallTokenizerJson())),
    sha256Hex(JSON.stringify(parity.tokenizer)),
  );
});

test("decoding what was encoded gives the text back", () => {
  fc.assert(
    fc.property(trickyText, fc.boolean(), (text, special) => {
      // With special tokens the text is cut at them before it is normalised.
      fc.pre(!special || wellFormed(text) === text);
      const decoded = tokenizer.decode(tokenizer.encode(text, { special }));
      assert.is(decoded.normalize("NFC"), normalised(text));
      if (!special) assert.is(decoded, normalised(text));
    }),
    { seed, numRuns: 500 },
  );
});

test("ordinary text never becomes a special token", () => {
  fc.assert(
    fc.property(trickyText, (text) => {
      const ids = tokenizer.encode(text, { special: false });
      assert.not.ok(ids.some((id) => specialIds.has(id)));
    }),
    { seed, numRuns: 500 },
  );
});

test("tokens that are not special are matched either way, as in transformers", () => {
  const id = tokenizer.id("<tool_call>");
  assert.not.ok(specialIds.has(id));
  assert.equal(tokenizer.encode("<tool_call>", { special: false }), [id]);
});

test("bytes that are not UTF-8 decode to the replacement character", () => {
  const [first = 0] = tokenizer.encode("é", { special: false });
  assert.is(tokenizer.decode(tokenizer.encode("é", { special: false })), "é");
  const snowman = tokenizer.encode("☃", { special: false });
  assert.is(snowman.length, 3);
  assert.is(tokenizer.decode(snowman.slice(0, 2)), "\ufffd");
  assert.is(tokenizer.decode([]), "");
  assert.type(first, "number");
});

test("ids and tokens that do not exist are refused", async () => {
  const { vocabularySize } = tokenizer;
  assert.is(tokenizer.decode([vocabularySize - 1]), "</tool_call>");
  await raises(() => tokenizer.decode([vocabularySize]), {
    type,
    code: "tokenizer.id_unknown",
    names: [String(vocabularySize)],
  });
  const code = "tokenizer.token_missing";
  await raises(() => tokenizer.id("<|nobody|>"), { type, code, names: ["<|nobody|>"] });
});

test("special ids are known by name", () => {
  assert.is(tokenizer.endOfTurnId, tokenizer.id("<|im_end|>"));
  assert.is(tokenizer.padId, tokenizer.id("<|endoftext|>"));
  assert.equal(
    tokenizer.specialIds,
    qwenSpecialTokens.map((token) => tokenizer.id(token)),
  );
});

test("a prompt is rendered as Qwen2.5-VL renders it", () => {
  const messages: ChatMessage[] = [
    { role: "user", content: [{ type: "image" }, { type: "text", text: "What is it?" }] },
    { role: "assistant", content: "A cat." },
    { role: "user", content: "Sure?" },
  ];
  const expected =
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" +
    "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is it?<|im_end|>\n" +
    "<|im_start|>assistant\nA cat.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n";
  const render = (addGenerationPrompt: boolean) =>
    tokenizer.renderChat(messages, { addGenerationPrompt });
  assert.is(render(false), expected);
  assert.is(render(true), `${expected}<|im_start|>assistant\n`);
});

const plainContent = trickyText.filter((text) => !text.includes("<|") && !text.endsWith("<"));

test("a prompt without look-alikes has the ids of its rendered text", () => {
  const message = fc.record({
    role: fc.constantFrom("system", "user", "assistant"),
    content: fc.oneof(
      plainContent,
      fc.array(
        plainContent.map((text) => ({ type: "text", text }) as const),
        { maxLength: 3 },
      ),
    ),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.boolean(), (messages, more) => {
      const options = { addGenerationPrompt: more };
      const whole = tokenizer.encode(tokenizer.renderChat(messages, options), { special: true });
      assert.equal(tokenizer.encodeChat(messages, options), whole);
    }),
    { seed },
  );
});

test("look-alikes in messages stay text: the prompt has the template's special tokens alone", () => {
  const text = trickyText.map((value) => ({ type: "text", text: value }) as const);
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), (content) => {
      const options = { addGenerationPrompt: true };
      const ids = tokenizer.encodeChat([{ role: "user", content }], options);
      const bare = tokenizer.encodeChat([{ role: "user", content: "" }], options);
      const special = (all: readonly number[]) => all.filter((id) => specialIds.has(id));
      assert.equal(special(ids), special(bare));
      const rendered = tokenizer.renderChat([{ role: "user", content }], options);
      assert.is(tokenizer.decode(ids).normalize("NFC"), normalised(rendered));
    }),
    { seed, numRuns: 300 },
  );
});

test("an image takes as many tokens as its grid says, and counts must fit", async () => {
  const messages: ChatMessage[] = [
    { role: "user", content: [{ type: "image" }, { type: "image" }] },
  ];
  const encode = (...imageTokenCounts: number[]) =>
    tokenizer.encodeChat(messages, { addGenerationPrompt: true, imageTokenCounts });
  const image = tokenizer.id("<|image_pad|>");
  const end = tokenizer.id("<|vision_end|>");
  const ids = encode(3, 5);
  assert.is(ids.filter((id) => id === image).length, 8);
  assert.is(ids.indexOf(end) - ids.indexOf(image), 3);
  const code = "prompt.image_count";
  await raises(() => encode(3), { type: PromptError, code, names: ["2 images", "for 1"] });
  await raises(() => encode(3, 5, 7), { type: PromptError, code });
});

test("a turn's suffix continues a prompt as if the template had rendered all of it", () => {
  const turns = fc.array(fc.tuple(plainContent, plainContent), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(plainContent, turns, (question, drawn) => {
      const messages: ChatMessage[] = [{ role: "user", content: question }];
      const ids = tokenizer.encodeChat(messages, { addGenerationPrompt: true });
      for (const [answer, result] of drawn) {
        messages.push({ role: "assistant", content: answer }, { role: "user", content: result });
        // The end token is the model's own here, so the suffix starts after it.
        ids.push(...tokenizer.encode(answer, { special: false }), tokenizer.endOfTurnId);
        ids.push(...tokenizer.encodeTurnSuffix(result, { turnEnded: true }));
      }
      const whole = tokenizer.encodeChat(messages, { addGenerationPrompt: true });
      // A turn that begins with line breaks merges with the template's; ids of text that the model
      // sampled never merge, so only the text can be compared there.
      assert.is(tokenizer.decode(ids), tokenizer.decode(whole));
      if (drawn.every(([answer]) => !/^\s/.test(answer))) assert.equal(ids, whole);
    }),
    { seed },
  );
});

test("a suffix carries the end token of a turn that was cut off, and images", () => {
  const suffix = (turnEnded: boolean) =>
    tokenizer.encodeTurnSuffix([{ type: "text", text: "<|im_end|>" }, { type: "image" }], {
      turnEnded,
      imageTokenCounts: [2],
    });
  assert.is(
    tokenizer.decode(suffix(true)),
    "\n<|im_start|>user\n<|im_end|><|vision_start|><|image_pad|><|image_pad|><|vision_end|>" +
      "<|im_end|>\n<|im_start|>assistant\n",
  );
  assert.equal(suffix(false), [tokenizer.endOfTurnId, ...suffix(true)]);
  const ends = suffix(true).filter((id) => id === tokenizer.endOfTurnId);
  assert.is(ends.length, 1, "the tool's own end token is text");
});

test("chat templates that fail, read the clock or hide turns are refused", async () => {
  const code = "tokenizer.chat_template";
  const create = (chatTemplate: string) =>
    createTokenizer({
      tokenizerJson: smallTokenizerJson(),
      tokenizerConfig: smallTokenizerConfig,
      chatTemplate,
      source: "here",
    });
  const options = { addGenerationPrompt: true };
  await raises(() => create("{% if %}"), { type, code, names: ["here"] });
  await raises(() => create("{{ strftime_now('%Y') }}"), { type, code, names: ["strftime_now"] });
  const raising = create("{{ raise_exception('roles must alternate') }}");
  await raises(() => raising.renderChat([], options), {
    type,
    code,
    names: ["roles must alternate"],
  });
  const hiding = create("{% for message in messages %}{{ message['role'] }}{% endfor %}");
  await raises(() => hiding.encodeTurnSuffix("x", { turnEnded: true }), {
    type,
    code,
    names: ["<|im_end|>"],
  });
});

test("tokenizers that would lose text are refused", async () => {
  const json = smallTokenizerJson();
  const create = (tokenizerJson: unknown) =>
    createTokenizer({
      tokenizerJson,
      tokenizerConfig: smallTokenizerConfig,
      chatTemplate: qwenChatTemplate,
    });
  const { "!": _gone, ...vocab } = json.model.vocab;
  const code = "tokenizer.lossy";
  await raises(() => create({ ...json, model: { ...json.model, vocab } }), {
    type,
    code,
    names: ["byte 33"],
  });
  const merges = [...json.model.merges, "! !"];
  await raises(() => create({ ...json, model: { ...json.model, merges } }), { type, code });
  const stripping = json.added_tokens.map((token) => ({ ...token, lstrip: true }));
  await raises(() => create({ ...json, added_tokens: stripping }), { type, code });
  await raises(() => create({ ...json, model: { type: "Unigram" } }), {
    type,
    code: "tokenizer.malformed",
    names: ["tokenizer.json"],
  });
  await raises(() => create({ ...json, pre_tokenizer: { type: "Unheard" } }), {
    type,
    code: "tokenizer.unsupported",
    names: ["Unheard"],
  });
});

test("a token may have the name of an object's prototype", () => {
  const tokenizerJson = JSON.parse(
    JSON.stringify(
      buildTokenizer({
        corpus: ["x __proto__ __proto__ constructor constructor"],
        specialTokens: qwenSpecialTokens,
        addedTokens: ["__proto__"],
        merges: 99,
      }),
    ),
  );
  const chatTemplate = qwenChatTemplate;
  const own = createTokenizer({
    tokenizerJson,
    tokenizerConfig: smallTokenizerConfig,
    chatTemplate,
  });
  const text = "__proto__ constructor toString";
  assert.is(own.decode(own.encode(text, { special: false })), text);
  assert.is(own.encode("__proto__", { special: false }).length, 1);
});

test("merges follow counts, then order, and end with the corpus", () => {
  const train = (corpus: readonly string[], merges: number) =>
    buildTokenizer({ corpus, specialTokens: ["<|s|>"], addedTokens: [], merges });
  assert.equal(train(["abab abab"], 10).model.merges, ["a b", "ab ab"]);
  assert.equal(train(["ba ab ba ab"], 1).model.merges, ["a b"], "ties go to the first in order");
  assert.equal(train(["xyz"], 10).model.merges, [], "a pair that occurs once is not merged");
  assert.equal(train(["<|s|><|s|><|s|>"], 10).model.merges, [], "special tokens are not learned");
  const shuffled = [...smallCorpus].reverse();
  assert.equal(train(shuffled, 20).model.merges, train(smallCorpus, 20).model.merges);
  assert.equal(
    train(smallCorpus, 3).added_tokens.map(({ id }) => id),
    [259],
  );
});

test.run();
