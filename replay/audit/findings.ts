// What an audit has counted and found, and which of it comes first.

/** The first event that is wrong, or the place at which something is missing. */
export interface BadEvent {
  /** Global sequence number, from 1; 0: no event, but the ledger as a whole. */
  readonly seq: number;
  /** The event's stream; null where the event cannot be read or is not there. */
  readonly stream: string | null;
  readonly reason: string;
}

interface Finding extends BadEvent {
  readonly check: string;
  /** The last event that can be meant: beyond `seq` where only a range is known. */
  readonly to: number;
}

/** What was counted and found, as plain data. */
export interface FindingsRecord {
  readonly counts: Readonly<Record<string, number>>;
  readonly found: readonly Finding[];
}

export class Findings {
  readonly #counts = new Map<string, number>();
  readonly #first = new Map<string, Finding>();

  /** The same of no event, but of the ledger as a whole. */
  addWhole(check: string, reason: string): void {
    this.add(check, 0, null, reason, Number.POSITIVE_INFINITY);
  }

  /** A check, before it has anything to count: an audit that checked nothing of a kind says 0. */
  declare(check: string): void {
    this.#counts.set(check, 0);
  }

  /** A check has looked at something. */
  count(check: string, times = 1): void {
    this.#counts.set(check, (this.#counts.get(check) ?? 0) + times);
  }

  /**
   * A check has found something wrong; only its earliest finding is kept.
   * @param to the last event that can be meant, where it is not certainly `seq`
   */
  add(check: string, seq: number, stream: string | null, reason: string, to = seq): void {
    const known = this.#first.get(check);
    const finding = { check, seq, stream, reason, to };
    if (known === undefined || comesBefore(finding, known)) this.#first.set(check, finding);
  }

  get record(): FindingsRecord {
    return { counts: this.counts, found: [...this.#first.values()] };
  }

  /** Adds what other checks have counted and found elsewhere. */
  merge({ counts, found }: FindingsRecord): void {
    for (const [check, times] of Object.entries(counts)) this.count(check, times);
    for (const { check, seq, stream, reason, to } of found)
      this.add(check, seq, stream, reason, to);
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** By check, the first that was wrong. */
  get byCheck(): ReadonlyMap<string, BadEvent> {
    return new Map([...this.#first].map(([check, finding]) => [check, badEvent(finding)]));
  }

  /** The first that was wrong of all. */
  get first(): BadEvent | null {
    let first: Finding | null = null;
    for (const finding of this.#first.values()) {
      if (first === null || comesBefore(finding, first)) first = finding;
    }
    return first === null ? null : badEvent(first);
  }
}

/**
 * By the event at which it is certain that something was wrong, and then the narrower range. What
 * was found first on one event is kept.
 */
function comesBefore(a: Finding, b: Finding): boolean {
  return a.to === b.to ? a.seq > b.seq : a.to < b.to;
}

function badEvent({ check, seq, stream, reason }: Finding): BadEvent {
  return { seq, stream, reason: `${check}: ${reason}` };
}
