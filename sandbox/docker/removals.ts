// Ends containers, also where the engine is away in the moment: it may come back and still have
// them.
import { type Engine, removeContainer } from "./engine.ts";

export class Removals {
  readonly #engine: Engine;
  readonly #left = new Set<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Removes a container now or, where the engine does not answer, with the next `again`. */
  async remove(id: string): Promise<void> {
    this.#left.add(id);
    try {
      await removeContainer(this.#engine, id);
      this.#left.delete(id);
    } catch {
      // Kept. Where this process ends first, the next one finds its label.
    }
  }

  /** Tries again what could not be removed. */
  async again(): Promise<void> {
    await Promise.all([...this.#left].map((id) => this.remove(id)));
  }
}
