// The training rewards of Visual-ARFT as its code has them, faults included: one step of a
// teacher's trajectory at a time. Pure. They are for comparison and for runs that ask for them by
// name.
//
// Left out: the search reward's first try, which compares all numbers of both whole texts by a
// computer algebra system and gives 1 for any that agree.
import { f1, metricRules } from "../metrics/index.ts";
import { labelsIn } from "./actions.ts";

/** What the model said and what the teacher does, in its tag. */
export interface ReferenceStep {
  readonly task: "coding" | "search";
  readonly content: string;
  readonly solution: string;
}

/** Cosine similarity of two texts, −1 to 1. */
export type Similarity = (given: string, wanted: string) => number;

/** What any text without another action's tag gets where code is due. The paper says 1. */
const codeReward = 0.9;
/** Searches less alike than this get nothing. Not in the paper. */
const similarityMin = 0.5;
const halfReward = 0.5;

const answerFormat = /^<think>.*?<\/think>\s*<answer>.*?<\/answer>$/s;
const searchFormat = /^<think>.*?<\/think>\s*<search>.*?<\/search>$/s;
const codeFormat = /^<think>.*?<\/think>\s*<code>\s*```python(.*?)```.*?<\/code>$/s;
const problemFormat =
  /^<think>.*?<\/think>\s*<problem>\s*\{\s*'[^']+'\s*(?:,\s*'[^']+'\s*)*\}\s*<\/problem>$/s;

const has = (text: string, tag: string) => text.includes(`<${tag}>`);
const hasTwice = (text: string, tag: string) => text.split(`<${tag}>`).length > 2;

/**
 * 1 where the whole turn is one thought and one action. Coding asks for the teacher's action;
 * search takes either, so that an answer where a search was due is well-formed.
 */
export function referenceFormat({ task, content, solution }: ReferenceStep): 0 | 1 {
  return task === "coding" ? codingFormat(content, solution) : searchingFormat(content);
}

function codingFormat(content: string, solution: string): 0 | 1 {
  if (["answer", "code", "think", "problem"].some((tag) => hasTwice(content, tag))) return 0;
  if (has(solution, "answer")) return matches(answerFormat, content);
  if (has(solution, "code")) return matches(codeFormat, content);
  return has(solution, "problem") ? matches(problemFormat, content) : 0;
}

function searchingFormat(content: string): 0 | 1 {
  if (["answer", "search", "think"].some((tag) => hasTwice(content, tag))) return 0;
  const isAnswer = matches(answerFormat, content);
  const isSearch = matches(searchFormat, content);
  if (has(content, "answer") && content.includes("</answer>")) return isAnswer > isSearch ? 1 : 0;
  return isSearch > isAnswer ? 1 : 0;
}

const matches = (pattern: RegExp, content: string): 0 | 1 => (pattern.test(content) ? 1 : 0);

/** How near the turn comes to the teacher's action, 0–1. An action of another kind gets nothing. */
export function referenceAccuracy(
  { task, content, solution }: ReferenceStep,
  similarity: Similarity,
): number {
  return task === "coding"
    ? codingAccuracy(content, solution)
    : searchingAccuracy(content, solution, similarity);
}

function codingAccuracy(content: string, solution: string): number {
  const wanted = ["answer", "code", "problem"].find((tag) => has(solution, tag));
  const others = ["answer", "code", "problem"].filter((tag) => tag !== wanted);
  if (wanted === undefined || others.some((tag) => has(content, tag))) return 0;
  if (wanted === "answer") return answerReward(content, solution);
  return wanted === "code" ? codeReward : labelReward(labelsIn(content), labelsIn(solution));
}

function searchingAccuracy(content: string, solution: string, similarity: Similarity): number {
  if (has(solution, "answer")) {
    return has(content, "search") ? 0 : answerReward(content, solution);
  }
  if (!has(solution, "search") || has(content, "answer")) return 0;
  const alike = similarity(inTag("search", content), inTag("search", solution));
  return alike < similarityMin ? 0 : alike;
}

function answerReward(content: string, solution: string): number {
  const wanted = inTag("answer", solution);
  return f1(inTag("answer", content), [wanted], metricRules.referenceTraining);
}

/** What stands in the tag on one line; the whole text where nothing does. */
function inTag(tag: string, text: string): string {
  return (new RegExp(`<${tag}>([^\\n]*?)</${tag}>`).exec(text)?.[1] ?? text).trim();
}

/** All labels right: 1. The rotation of a pair, and nothing else: one half. */
export function labelReward(given: readonly string[], wanted: readonly string[]): number {
  const rotation = ["rotation90", "rotation180"].find((label) => wanted.includes(label));
  const isHalf = wanted.length === 2 && given.length === 1 && given[0] === rotation;
  if (isHalf) return halfReward;
  return JSON.stringify(given) === JSON.stringify(wanted) ? 1 : 0;
}
