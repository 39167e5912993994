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
  /** False where only a range of events is known: an exact finding says more. */
  readonly isExact: boolean;
}

export class Findings {
  readonly #counts = new Map<string, number>();
  readonly #first = new Map<string, Finding>();

  /** A check, before it has anything to count: an audit that checked nothing of a kind says 0. */
  declare(check: string): void {
    this.#counts.set(check, 0);
  }

  /** A check has looked at something. */
  count(check: string, times = 1): void {
    this.#counts.set(check, (this.#counts.get(check) ?? 0) + times);
  }

  /** A check has found something wrong; only its earliest finding is kept. */
  add(check: string, seq: number, stream: string | null, reason: string, isExact = true): void {
    const known = this.#first.get(check);
    const finding = { check, seq, stream, reason, isExact };
    if (known === undefined || comesBefore(finding, known)) this.#first.set(check, finding);
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

/** Of what was found on one event, what was declared first is kept. */
function comesBefore(a: Finding, b: Finding): boolean {
  return a.isExact === b.isExact ? a.seq < b.seq : a.isExact;
}

function badEvent({ check, seq, stream, reason }: Finding): BadEvent {
  return { seq, stream, reason: `${check}: ${reason}` };
}
