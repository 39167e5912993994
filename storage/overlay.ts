// What the writer knows and its store does not show yet. Appends are decided before the commits of
// the appends before them end, so newest values live here, over those that the store would give.

interface Entry<V> {
  readonly value: V;
  readonly group: number;
}

/** Values by key, each with the number of the group that writes it. Committed ones may be kept. */
export class Overlay<V> {
  // Oldest first: a value that is set again moves to the end, so groups ascend from the front.
  readonly #entries = new Map<string, Entry<V>>();
  readonly #keptMax: number;

  /** @param keptMax how many entries may stay after their commit, to save reads */
  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: V, group: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, group });
  }

  /** Group `committed` and all before it can be read from the store now. */
  settle(committed: number): void {
    if (this.#entries.size <= this.#keptMax) return;
    for (const [key, entry] of this.#entries) {
      if (entry.group > committed || this.#entries.size <= this.#keptMax) return;
      this.#entries.delete(key);
    }
  }
}
