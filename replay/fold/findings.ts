// What a replay has compared, and where something did not come out as it is recorded.

/** An event, as a finding names it. */
export interface EventPlace {
  readonly stream: string;
  /** Its number in the stream, from 1. */
  readonly seq: number;
}

/** Something that does not come out as it is recorded. */
export interface Difference {
  /** Global sequence number of the event, from 1; 0: no event, but the ledger as a whole. */
  readonly seq: number;
  readonly stream: string;
  /** The event's number in its stream; 0 where an event is missing at all. */
  readonly streamSeq: number;
  /** What was compared. */
  readonly kind: ComparisonKind;
  readonly reason: string;
}

/** What is compared, in the order in which a run makes it. */
export const comparisonKinds = [
  "folds",
  "plans",
  "tasks",
  "turns",
  "tokens",
  "tools",
  "rewards",
  "evaluations",
  "batches",
  "gradients",
  "losses",
  "policies",
  "optimizers",
] as const;

export type ComparisonKind = (typeof comparisonKinds)[number];

/** How comparisons of one kind went. */
export interface Tally {
  /** Compared in all. */
  readonly compared: number;
  /** Not equal to the bit, but within the tolerance of another numeric class. */
  readonly near: number;
  readonly differing: number;
}

/** Differences that are kept; all are counted. */
const differencesMax = 1_000;

export class Findings {
  readonly #globalOf: (stream: string, seq: number) => number;
  readonly #tallies = new Map<ComparisonKind, { -readonly [Key in keyof Tally]: Tally[Key] }>();
  readonly #differences: Difference[] = [];

  constructor(globalOf: (stream: string, seq: number) => number) {
    this.#globalOf = globalOf;
  }

  /** Notes a comparison; `reason` says how the event differs, null: it does not. */
  compare(kind: ComparisonKind, place: EventPlace, reason: string | null): void {
    const tally = this.#tallyOf(kind);
    tally.compared += 1;
    if (reason === null) return;
    tally.differing += 1;
    const { stream, seq: streamSeq } = place;
    const seq = this.#globalOf(stream, streamSeq);
    this.#differences.push({ seq, stream, streamSeq, kind, reason });
    if (this.#differences.length <= 2 * differencesMax) return;
    this.#differences.sort(bySeq).length = differencesMax;
  }

  /** Notes a comparison that is equal only within a tolerance. */
  near(kind: ComparisonKind): void {
    const tally = this.#tallyOf(kind);
    tally.compared += 1;
    tally.near += 1;
  }

  /** The first differences in the order of the ledger. */
  get differences(): readonly Difference[] {
    return this.#differences.toSorted(bySeq).slice(0, differencesMax);
  }

  get tallies(): Readonly<Partial<Record<ComparisonKind, Tally>>> {
    const kinds = comparisonKinds.filter((kind) => this.#tallies.has(kind));
    return Object.fromEntries(kinds.map((kind) => [kind, this.#tallyOf(kind)]));
  }

  #tallyOf(kind: ComparisonKind) {
    const known = this.#tallies.get(kind) ?? { compared: 0, near: 0, differing: 0 };
    this.#tallies.set(kind, known);
    return known;
  }
}

// Of two findings about one event the earlier one is the cause as often as not.
function bySeq(a: Difference, b: Difference): number {
  return a.seq - b.seq;
}
