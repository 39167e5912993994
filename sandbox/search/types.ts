// What search is asked and what it answers.

/** Characters of a passage that are kept; what the model is shown of it is less. */
export const passageCharsMax = 8_000;

/** A passage of a corpus, or what a server gave of a page. */
export interface Passage {
  /** An id in the corpus, or an address. */
  readonly id: string;
  readonly text: string;
}

export interface SearchHit extends Passage {
  /** The higher, the better; null where the back end does not say. */
  readonly score: number | null;
}

export interface SearchAnswer {
  /** Best first. */
  readonly hits: readonly SearchHit[];
  /** Which back end answered, and how it went: recorded beside the hits, no part of a result. */
  readonly observed: Readonly<Record<string, unknown>>;
}

/** A back end. Its hits are recorded by the caller, so that a replay needs no back end. */
export interface Search {
  /**
   * The best `count` hits; none for a query without a letter or digit. Whatever fails on the way is
   * an error: no answer is ever made of a fault.
   */
  query(text: string, count: number, signal?: AbortSignal): Promise<SearchAnswer>;
  close(): Promise<void>;
}
