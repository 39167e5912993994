// What an answer is compared by. Each point on which Visual-ARFT's code differs from what its users
// expect is a rule with a name of its own; its three variants and the corrected rules are presets.

/** The rules of one metric. `docs/scoring.md` tells what each of them costs. */
export interface MetricRules {
  /**
   * How equal words count: each once (`set`, while precision and recall still divide by all words)
   * or as often as both sides have them (`multiset`: Rajpurkar et al., SQuAD, 2016).
   */
  readonly overlap: "set" | "multiset";
  /** An exact match has F1 1, also where the words alone would give less. */
  readonly exactMatchIsF1: boolean;
  /**
   * Chinese: `blanks` cuts it at blanks like English. `either-side` cuts *both* texts into their
   * characters as soon as one of them has a Chinese one, and deletes blanks where it stands.
   * `characters` makes each Chinese or Japanese character a word and leaves the other words whole
   * (the mixed segmentation of CMRC 2018, Cui et al. 2019).
   */
  readonly cjk: "blanks" | "either-side" | "characters";
  /**
   * What is deleted: ASCII punctuation, the same and the reference's list of full-width signs, or
   * all that Unicode calls punctuation, after the forms of one character were made one (NFKC).
   */
  readonly punctuation: "ascii" | "listed" | "unicode";
  /** What becomes of a text that is nothing but articles or punctuation, such as the answer `A`. */
  readonly bareText: "emptied" | "kept";
  /** What a backslash and an n are, as in 15 golds of MAT-Coding: letters, or the end of a line. */
  readonly escapedNewlines: "letters" | "newlines";
}

/** The evaluation of MAT-Coding, as published. */
const referenceCoding: MetricRules = {
  overlap: "set",
  exactMatchIsF1: true,
  cjk: "either-side",
  punctuation: "listed",
  bareText: "emptied",
  escapedNewlines: "letters",
};

/** The evaluation of MAT-Search and of the text benchmarks, as published. */
const referenceSearch: MetricRules = {
  ...referenceCoding,
  cjk: "blanks",
  punctuation: "ascii",
};

/** The training reward of both, as published: an exact match is not yet F1 1. */
const referenceTraining: MetricRules = { ...referenceSearch, exactMatchIsF1: false };

/** What varft uses unless the reference is asked for by name. */
export const corrected: MetricRules = {
  overlap: "multiset",
  exactMatchIsF1: true,
  cjk: "characters",
  punctuation: "unicode",
  bareText: "kept",
  escapedNewlines: "newlines",
};

/** The presets by name. */
export const metricRules = {
  corrected,
  referenceCoding,
  referenceSearch,
  referenceTraining,
} as const satisfies Readonly<Record<string, MetricRules>>;
