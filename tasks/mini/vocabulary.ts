// The text that the tiny tokenizer is trained on: every sentence, program and passage that the
// lessons of a few hundred seeds contain. Names of special tokens and tags are those of Qwen2.5-VL
// and of the protocol.
import { RandomStream } from "../../events/index.ts";
import { problems } from "../protocol/index.ts";
import { demonstrate, type Lesson } from "./demonstrations.ts";
import { miniCorpus } from "./facts.ts";
import { letters } from "./glyphs.ts";
import { drawKind, mixtures } from "./mixture.ts";
import { perceive } from "./perception.ts";
import { programOf, repairMenu } from "./programs.ts";
import { drawTask } from "./task.ts";

/** Qwen2.5-VL's control tokens that a checkpoint of this family needs. */
export const controlTokens: readonly string[] = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
];

/** The protocol's tags: one token each, as Qwen3 has it for `<think>`. */
export const tagTokens: readonly string[] = [
  "think",
  "problem",
  "code",
  "search",
  "answer",
  "information",
  "tips",
].flatMap((tag) => [`<${tag}>`, `</${tag}>`]);

/**
 * How text is cut before byte-pair merging: quoted names, bracketed ranges, code up to its bracket
 * or comma, words, single capitals and digits.
 */
export const splitPattern = [
  String.raw`'[^'\n]*'[),}]*\s?`,
  String.raw`\[[^\]\n]*\]\s?`,
  String.raw`\(?-?\d+[,)]+\s?`,
  String.raw`[a-z_][\w.=-]*(?: = [\w.]+)?(?:[(),]+\s?|\n)?`,
  String.raw` [a-z]+\w*\n?`,
  " ?[A-Z][a-z]+(?:, )?",
  " ?[A-Z0-9]",
  "`{3}\\w*\\n?",
  String.raw` ?\{`,
  String.raw`[^\s\w]+\n?`,
  String.raw`\s+`,
  ".",
].join("|");

const lessonsMax = 600;
const faults = {
  lazy: 0.1,
  randomProblem: 0.2,
  habit: 0,
  randomArgument: 0.5,
  wrongName: 0.2,
  wrongAttribute: 0.1,
  careless: 1,
  retry: 0.3,
  astray: 0,
};

/** The sentences to learn the merges from. Deterministic. */
export function vocabularyCorpus(): readonly string[] {
  const random = new RandomStream("vocabulary");
  const lessons: Lesson[] = [];
  for (let index = 0; index < lessonsMax; index++) {
    const task = drawTask(random, `${index}`, drawKind(random, mixtures.singles), "train");
    lessons.push(demonstrate(random, task, faults));
    lessons.push(perceive(random, { trouble: 0.4, copy: 0.3 }, 0));
  }
  const texts = lessons.flatMap(({ question, messages }) => [
    question,
    ...messages.map(({ text }) => text),
  ]);
  const programs = problems.flatMap((problem) => repairMenu(problem).map(programOf));
  // Every chat holds these; a few copies earn each its merges.
  const roles = Array.from({ length: 8 }, () => ["user\n", "assistant\n", "system\n"]).flat();
  const passages = miniCorpus("train").map(({ contents }) => contents);
  return [...texts, ...programs, ...roles, ...passages, ...letters.map((letter) => ` ${letter}`)];
}
