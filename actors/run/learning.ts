// Steps that are played and not yet learned: each is learned once those before it are, while the
// run plays on (`rollout.policy_lag`).
//
// 1. Learning is in the order of the steps, whatever was played ahead, so that how far the run is
//    ahead does not touch what is learned (I4).
// 2. A step that fails fails all after it, and whoever waits beside it, until `begin`.
// 3. No more steps are here than the lag allows: the next one is planned with a policy that was
//    learned (I7).

export class Learning {
  readonly #open = new Map<number, Promise<void>>();
  #last: Promise<void> = Promise.resolve();
  #hasFailed = false;

  /** Forgets what failed, to be added again. */
  begin(): void {
    if (!this.#hasFailed) return;
    this.#open.clear();
    this.#last = Promise.resolve();
    this.#hasFailed = false;
  }

  /** Whether a step waits to be learned, or is being learned. */
  has(step: number): boolean {
    return this.#open.has(step);
  }

  /** `learn` is called once all steps that were added before are learned. */
  add(step: number, learn: () => Promise<unknown>): void {
    const learned = this.#last.then(async () => {
      await learn();
    });
    this.#open.set(step, learned);
    this.#last = learned;
    learned.then(
      () => this.#open.delete(step),
      () => {
        if (this.#last === learned) this.#hasFailed = true;
      },
    );
  }

  /** What `work` gives, or the failure of a step that is learned meanwhile, which ends it. */
  async beside<T>(work: (ending: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const ending = new AbortController();
    const working = work(AbortSignal.any([signal, ending.signal]));
    try {
      return await Promise.race([working, this.#last.then(() => working)]);
    } finally {
      ending.abort();
    }
  }

  /** Resolves once `step` is learned: at once, where it does not wait here. */
  async until(step: number): Promise<void> {
    await this.#open.get(step);
  }
}
