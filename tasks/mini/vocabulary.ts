// The text that the tiny tokenizer is trained on: every sentence, program and passage of the
// lessons and episodes. Names of special tokens and tags are those of Qwen2.5-VL and of the
// protocol.
import {
  informationOf,
  problems,
  sayAnswer,
  sayCode,
  sayProblem,
  saySearch,
  tipsAfterProblem,
} from "../protocol/index.ts";
import { attributeNames, miniCorpus } from "./facts.ts";
import { letters } from "./glyphs.ts";
import { cutLine, programOf, repairMenu, turnedOver } from "./programs.ts";
import { fieldCoordinates, fields } from "./sheet.ts";
import { cropQuestion, readQuestion, searchQuestion } from "./task.ts";
import { lookOf } from "./teacher.ts";

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

/** How often what every episode holds is repeated, so that it earns its merges first. */
const copies = 8;

/**
 * The texts to learn the merges from: whatever a lesson or an episode may say, enumerated and not
 * drawn, so that no share of a fault changes the tokenizer. Nothing of the held-out part is in it.
 */
export function vocabularyCorpus(): readonly string[] {
  const roles = ["user\n", "assistant\n", "system\n"];
  const spelled = letters.map((letter) => ` ${letter}`);
  const often = [...questions(), ...diagnoses(), ...codes(), ...roles, ...spelled];
  const repeated = Array.from({ length: copies }, () => often).flat();
  return [...repeated, ...searches(), sayAnswer("clear", letters.join(" "))];
}

function questions(): string[] {
  const cuts = fields.map((field) => `Cut ${fieldCoordinates(field)} out.`);
  const asked = attributeNames.map(searchQuestion);
  return [
    "Spell it.",
    "What is wrong?",
    readQuestion,
    ...fields.map(cropQuestion),
    ...cuts,
    ...asked,
  ];
}

function diagnoses(): string[] {
  return problems.flatMap((problem) => [
    sayProblem(lookOf(problem), [problem]),
    tipsAfterProblem([problem]),
    ` ${problem}`,
  ]);
}

function codes(): string[] {
  const programs = problems.flatMap((problem) => repairMenu(problem).map(programOf));
  const left = [...problems.filter((problem) => repairMenu(problem).length > 0), turnedOver];
  const looks = left.map((trouble) => sayCode(`still ${trouble}`, ""));
  return [
    ...programs.map((program) => sayCode("repair", program)),
    ...looks,
    ...fields.map(cutLine),
  ];
}

function searches(): string[] {
  return miniCorpus("train").flatMap(({ contents }) => {
    const [first, second, attribute, , value] = contents.split(" ");
    return [
      saySearch("search", `${first} ${second} ${attribute}`),
      informationOf([contents]),
      sayAnswer("found", value ?? ""),
    ];
  });
}
