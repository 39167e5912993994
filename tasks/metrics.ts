// Exact match and F1, corrected: words are counted as a multiset, an exact match has F1 1, and a
// gold answer of nothing but articles keeps them. The evaluation code of Visual-ARFT differs in all
// three.

const articles = /\b(?:a|an|the)\b/g;
const punctuation = /[!-/:-@[-`{-~]/g;

/** Lower case, ASCII punctuation and English articles removed, blanks collapsed. */
export function normalize(text: string): string {
  const plain = text.toLowerCase().replace(punctuation, "");
  const bare = collapse(plain.replace(articles, " "));
  return bare === "" ? collapse(plain) : bare;
}

const collapse = (text: string) => text.replace(/\s+/g, " ").trim();

/** 1 when the normalised texts are equal to one of the golds, else 0. `null`: no answer given. */
export function exactMatch(answer: string | null, golds: readonly string[]): 0 | 1 {
  if (answer === null) return 0;
  const given = normalize(answer);
  return golds.some((gold) => normalize(gold) === given) ? 1 : 0;
}

/** Best F1 over the golds, of the words as multisets (Rajpurkar et al. 2016, SQuAD). */
export function f1(answer: string | null, golds: readonly string[]): number {
  if (answer === null) return 0;
  if (exactMatch(answer, golds) === 1) return 1;
  return Math.max(0, ...golds.map((gold) => wordF1(normalize(answer), normalize(gold))));
}

function wordF1(given: string, gold: string): number {
  const givenWords = given.split(" ").filter(Boolean);
  const goldWords = gold.split(" ").filter(Boolean);
  const left = [...goldWords];
  let same = 0;
  for (const word of givenWords) {
    const index = left.indexOf(word);
    if (index < 0) continue;
    left.splice(index, 1);
    same += 1;
  }
  return same === 0 ? 0 : (2 * same) / (givenWords.length + goldWords.length);
}
