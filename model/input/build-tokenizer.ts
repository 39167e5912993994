// Trains a byte-level BPE tokenizer and writes it as a `tokenizer.json` in Qwen2's form: for the
// checkpoints that this project builds itself. Real checkpoints bring their own.
//
// Invariants: 1. the result is a function of the options alone: of pairs that occur equally often
//                the one first in code-unit order is merged, and ids follow from that;
//             2. pieces are cut by the very code that will encode with the result.
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { assert } from "../../events/index.ts";
import { byteCharacters } from "./byte-alphabet.ts";
import { sortedNames } from "./safetensors-header.ts";
import { SpecialTokens } from "./special-tokens.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

/** How Qwen2 cuts text into pieces, within which bytes are merged. */
export const qwenSplitPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" +
  "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The special tokens of Qwen2.5-VL that its chat template and processor use. */
export const qwenSpecialTokens: readonly string[] = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|image_pad|>",
  "<|video_pad|>",
];

/** A pair that occurs less often is not worth a token. */
const pairCountMin = 2;

/** The byte alphabet in code-unit order: the first 256 tokens. */
const byteTokens: readonly string[] = sortedNames(byteCharacters);

export interface BuildTokenizerOptions {
  /** Texts to learn merges from. */
  readonly corpus: Iterable<string>;
  /** Tokens with a role, such as `<|im_end|>`; their ids follow the merged ones, in this order. */
  readonly specialTokens: readonly string[];
  /** Further whole tokens without a role, such as `<tool_call>`; ids follow the special ones. */
  readonly addedTokens: readonly string[];
  /** A regular expression in the tokenizers library's syntax; `qwenSplitPattern` when absent. */
  readonly splitPattern?: string;
  /** Largest number of merges to learn. */
  readonly merges: number;
}

/** Trains on `corpus`. Ids: 256 bytes, merges, special tokens, added tokens. */
export function buildTokenizer(options: BuildTokenizerOptions): TokenizerJson {
  const { splitPattern = qwenSplitPattern, specialTokens, addedTokens } = options;
  const base = byteTokenizer(splitPattern);
  const pieces = countPieces(base, options.corpus, [...specialTokens, ...addedTokens]);
  const merges = learnMerges(pieces, options.merges);
  const tokens = [...byteTokens, ...merges.map((merge) => merge.replace(" ", ""))];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const first = tokens.length;
  const added = [...specialTokens, ...addedTokens].map((content, index) => ({
    id: first + index,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: index < specialTokens.length,
  }));
  assert(
    new Set([...tokens, ...added.map(({ content }) => content)]).size === first + added.length,
    "special and added tokens differ from each other and from merged ones",
  );
  return { ...base, added_tokens: added, model: { ...base.model, vocab, merges } };
}

/** A tokenizer of single bytes. */
function byteTokenizer(splitPattern: string): TokenizerJson {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false } as const;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: splitPattern },
          behavior: "Isolated",
          invert: false,
        },
        { ...byteLevel, use_regex: false },
      ],
    },
    post_processor: { ...byteLevel, use_regex: false },
    decoder: { ...byteLevel, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(byteTokens.map((character, id) => [character, id])),
      merges: [],
    },
  };
}

/** How often each piece occurs, written in the byte alphabet; whole tokens are left out. */
function countPieces(
  base: TokenizerJson,
  corpus: Iterable<string>,
  tokens: readonly string[],
): Map<string, number> {
  const { pre_tokenizer: cut } = new HuggingFaceTokenizer(base, {});
  assert(cut !== null, "the byte tokenizer cuts text");
  const whole = new SpecialTokens(new Map(tokens.map((token, index) => [token, index])));
  const counts = new Map<string, number>();
  for (const text of corpus) {
    for (const segment of whole.split(text)) {
      if (!("text" in segment)) continue;
      for (const piece of cut.pre_tokenize(segment.text.normalize("NFC"))) {
        counts.set(piece, (counts.get(piece) ?? 0) + 1);
      }
    }
  }
  return counts;
}

interface Word {
  readonly count: number;
  symbols: readonly string[];
}

/** Merges in the order they were learned, each as `left right`: the alphabet holds no space. */
function learnMerges(pieces: ReadonlyMap<string, number>, mergesMax: number): string[] {
  const words: Word[] = [...pieces].map(([piece, count]) => ({ count, symbols: [...piece] }));
  const counts = new Map<string, number>();
  const places = new Map<string, Set<Word>>();
  const tally = (word: Word, sign: 1 | -1) => {
    for (let index = 0; index + 1 < word.symbols.length; index++) {
      const pair = `${word.symbols[index]} ${word.symbols[index + 1]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + sign * word.count);
      const found = places.get(pair);
      if (found === undefined) places.set(pair, new Set([word]));
      else found.add(word);
    }
  };
  for (const word of words) tally(word, 1);

  const merges: string[] = [];
  const taken = new Set<string>();
  while (merges.length < mergesMax) {
    const pair = mostFrequent(counts, taken);
    if (pair === undefined) break;
    merges.push(pair);
    taken.add(pair.replace(" ", ""));
    for (const word of places.get(pair) ?? []) {
      tally(word, -1);
      word.symbols = mergePair(word.symbols, pair);
      tally(word, 1);
    }
    counts.delete(pair);
    places.delete(pair);
  }
  return merges;
}

/** Different pairs can spell one token; only the first of them becomes a merge. */
function mostFrequent(
  counts: ReadonlyMap<string, number>,
  taken: ReadonlySet<string>,
): string | undefined {
  let best: string | undefined;
  let bestCount = pairCountMin - 1;
  for (const [pair, count] of counts) {
    if (count < bestCount || (count === bestCount && (best === undefined || pair > best))) continue;
    if (taken.has(pair.replace(" ", ""))) continue;
    best = pair;
    bestCount = count;
  }
  return best;
}

function mergePair(symbols: readonly string[], pair: string): string[] {
  const merged: string[] = [];
  for (let index = 0; index < symbols.length; index++) {
    const symbol = symbols[index] ?? "";
    const following = symbols[index + 1];
    if (following !== undefined && `${symbol} ${following}` === pair) {
      merged.push(symbol + following);
      index++;
    } else merged.push(symbol);
  }
  return merged;
}
