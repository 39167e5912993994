// Texts as the words that a metric compares. Pure.
import type { MetricRules } from "./rules.ts";

/**
 * A word of letters, digits and underscores in any script, as Python's `\w` has it: JavaScript's
 * `\b` knows ASCII only and would find the article "a" at the end of "España".
 */
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** The same where a mark that stands on a letter belongs to its word. */
const articlesWithMarks = /(?<![\p{L}\p{M}\p{N}_])(?:a|an|the)(?![\p{L}\p{M}\p{N}_])/gu;

/** What Python's `str.split()` cuts at, but for four separators of files and records. */
const blanks = /(?:[^\S\ufeff]|\x85)+/u;

const deleted = {
  ascii: /[!-/:-@[-`{-~]/gu,
  // The signs of MAT-Coding's evaluation beside the ASCII ones.
  listed:
    /[!-/:-@[-`{-~！？｡＂＃＄％＆＇（）＊＋，－．／：；＜＝＞＠［＼］＾＿｀｛｜｝～“”‘’、。：《》【】]/gu,
  unicode: /[!-/:-@[-`{-~]|\p{P}/gu,
} as const;

/** The block that the reference looks at. */
const hanBlock = /[\u4e00-\u9fff]/u;
const ideographs = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;

/** A backslash and an n that is no command of LaTeX: those go on in lower case (\neq, \nabla). */
const escapedNewline = /\\n(?![a-z])/g;

/**
 * The text as it is compared, by `rules`: lower case, punctuation deleted, English articles
 * removed, blanks collapsed. Two texts match exactly when these are equal.
 */
export function normalizeBy(rules: MetricRules, text: string): string {
  const lower = lowerCase(rules, text);
  const plain = lower.replace(deleted[rules.punctuation], "");
  if (rules.cjk === "either-side" && hanBlock.test(plain)) return plain.replaceAll(" ", "");
  const { cjk, bareText } = rules;
  const bare = collapse(
    apart(cjk, plain).replace(cjk === "characters" ? articlesWithMarks : articles, " "),
  );
  if (bare !== "" || bareText === "emptied") return bare;
  return collapse(apart(cjk, plain)) || collapse(apart(cjk, lower));
}

/** The words of two normalised texts. */
export function wordsOfBoth(
  { cjk }: MetricRules,
  a: string,
  b: string,
): readonly [readonly string[], readonly string[]] {
  const isByCharacter = cjk === "either-side" && (hanBlock.test(a) || hanBlock.test(b));
  return isByCharacter ? [[...a], [...b]] : [splitBlanks(a), splitBlanks(b)];
}

function lowerCase({ punctuation, escapedNewlines }: MetricRules, text: string): string {
  const lines = escapedNewlines === "newlines" ? text.replace(escapedNewline, "\n") : text;
  return (punctuation === "unicode" ? lines.normalize("NFKC") : lines).toLowerCase();
}

/** Each ideograph a word, where that is the rule. */
const apart = (cjk: MetricRules["cjk"], text: string): string =>
  cjk === "characters" ? text.replace(ideographs, " $& ") : text;

const collapse = (text: string): string => splitBlanks(text).join(" ");
const splitBlanks = (text: string): string[] => text.split(blanks).filter((word) => word !== "");
