// How often something has happened lately: what restarts is given up when it dies too often, and
// not after so many deaths of a long life.

/** Counts what happens within a window of time. */
export class Intensity {
  readonly #windowMs: number;
  #times: readonly number[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Notes that it has happened at `nowMs`; answers how often it has within the window. */
  note(nowMs: number): number {
    const recent = this.#times.filter((time) => nowMs - time < this.#windowMs);
    this.#times = [...recent, nowMs];
    return this.#times.length;
  }
}
