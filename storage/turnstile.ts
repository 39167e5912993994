// Lets many through, and can be held: while it is held, nobody passes and nobody is inside.

/** Guards commits against what must not happen during one. */
export class Turnstile {
  #inside = 0;
  #holders = 0;
  readonly #waitingToPass: (() => void)[] = [];
  readonly #waitingToHold: (() => void)[] = [];

  /** Runs `action`, at once unless the turnstile is held. */
  async pass<T>(action: () => Promise<T>): Promise<T> {
    while (this.#holders > 0) {
      await new Promise<void>((resolve) => this.#waitingToPass.push(resolve));
    }
    this.#inside++;
    try {
      return await action();
    } finally {
      this.#inside--;
      if (this.#inside === 0) for (const resolve of this.#waitingToHold.splice(0)) resolve();
    }
  }

  /** Resolves when nobody is inside; the result lets go. Several may hold at once. */
  async hold(): Promise<() => void> {
    this.#holders++;
    while (this.#inside > 0) {
      await new Promise<void>((resolve) => this.#waitingToHold.push(resolve));
    }
    return () => {
      this.#holders--;
      if (this.#holders === 0) for (const resolve of this.#waitingToPass.splice(0)) resolve();
    };
  }
}
