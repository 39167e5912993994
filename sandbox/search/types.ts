// What search is asked and what it answers.

export interface SearchHit {
  readonly id: string;
  readonly text: string;
}

/** A back end. Its hits are recorded by the caller, so that a replay needs no back end. */
export interface Search {
  /** The best `count` hits, best first; the same query on the same corpus gives the same hits. */
  query(text: string, count: number): Promise<readonly SearchHit[]>;
}
