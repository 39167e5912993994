// So many at once, and no more: who comes later waits for a place, in the order of coming.

export class Slots {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  /** `max`: works under way at once. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Does `work` once there is a place for it. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    while (this.#active >= this.#max) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#active += 1;
    try {
      return await work();
    } finally {
      this.#active -= 1;
      this.#waiting.shift()?.();
    }
  }
}
