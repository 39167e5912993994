// What has been opened is closed in the opposite order, all of it, whatever goes wrong on the way.

/** A stack of closings. */
export class Closers {
  readonly #stack: (() => unknown)[] = [];
  #closed: Promise<void> | null = null;

  /** To be called at the end, before everything that was added earlier. */
  add(close: () => unknown): void {
    this.#stack.push(close);
  }

  /** Closes everything once. Rejects with the first failure, after all have been tried. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#stack.reverse()) {
      try {
        await close();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
