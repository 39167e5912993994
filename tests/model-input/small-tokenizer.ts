// The tokenizer of these tests: enough merges to make words, small enough to train in no time.
import {
  buildTokenizer,
  createTokenizer,
  qwenChatTemplate,
  qwenSpecialTokens,
  type Tokenizer,
  type TokenizerJson,
} from "../../model/input/index.ts";

export const smallCorpus: readonly string[] = [
  "the image shows two cats and one dog on the red sofa",
  "the answer is in the image: two cats, one dog, no birds",
  "I'll look at the image; they've asked what we're shown",
  "import cv2\nimage = cv2.imread('image.png')\n\nprint(image.shape)\n",
  "naïve café, naïve façade; 你好世界 你好 世界",
  "<|im_start|>user\nthe image<|im_end|>\n",
];

export const smallTokenizerConfig = { eos_token: "<|im_end|>", pad_token: "<|endoftext|>" };

export function smallTokenizerJson(): TokenizerJson {
  return buildTokenizer({
    corpus: smallCorpus,
    specialTokens: qwenSpecialTokens,
    addedTokens: ["<tool_call>", "</tool_call>"],
    merges: 80,
  });
}

export function smallTokenizer(): Tokenizer {
  return createTokenizer({
    tokenizerJson: smallTokenizerJson(),
    tokenizerConfig: smallTokenizerConfig,
    chatTemplate: qwenChatTemplate,
  });
}
