// Exact match and F1 of an answer against its golds, 0–1. Pure; `null` is an answer not given.
import { corrected, type MetricRules } from "./rules.ts";
import { normalizeBy, wordsOfBoth } from "./words.ts";

/** The text as the metrics compare it. */
export function normalize(text: string, rules: MetricRules = corrected): string {
  return normalizeBy(rules, text);
}

/** 1 when the normalised answer equals one of the normalised golds, else 0. */
export function exactMatch(
  answer: string | null,
  golds: readonly string[],
  rules: MetricRules = corrected,
): 0 | 1 {
  if (answer === null) return 0;
  const given = normalizeBy(rules, answer);
  return golds.some((gold) => normalizeBy(rules, gold) === given) ? 1 : 0;
}

/**
 * The best F1 over the golds: 2pr / (p + r) with p and r the shares of the answer's and of the
 * gold's words that the other has too (SQuAD, Rajpurkar et al. 2016; `rules` say how it counts).
 */
export function f1(
  answer: string | null,
  golds: readonly string[],
  rules: MetricRules = corrected,
): number {
  if (answer === null) return 0;
  if (rules.exactMatchIsF1 && exactMatch(answer, golds, rules) === 1) return 1;
  const given = normalizeBy(rules, answer);
  return Math.max(0, ...golds.map((gold) => wordF1(rules, given, normalizeBy(rules, gold))));
}

function wordF1(rules: MetricRules, given: string, gold: string): number {
  const [givenWords, goldWords] = wordsOfBoth(rules, given, gold);
  const same =
    rules.overlap === "set"
      ? sharedCount([...new Set(givenWords)], [...new Set(goldWords)])
      : sharedCount(givenWords, goldWords);
  if (same === 0) return 0;
  if (rules.overlap === "multiset") return (2 * same) / (givenWords.length + goldWords.length);
  // The reference's own order of operations, so that its figures come out to the last bit.
  const precision = same / givenWords.length;
  const recall = same / goldWords.length;
  return (2 * precision * recall) / (precision + recall);
}

/** The size of the intersection of two multisets. */
function sharedCount(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of b) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of a) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    same += 1;
  }
  return same;
}
