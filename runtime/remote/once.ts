// Answers to the latest requests, by their id: what arrives a second time is answered as it was.
import { RetryableError } from "../../events/index.ts";

/** Answers that are remembered. */
const answersMax = 4_096;

export class Once<T> {
  readonly #answers = new Map<string, Promise<T>>();

  /** The answer to the request `id`; `work` makes it where there is none yet. */
  answer(id: string, work: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(id);
    if (known !== undefined) return known;
    const made = work();
    this.#answers.set(id, made);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= answersMax) break;
      this.#answers.delete(oldest);
    }
    // What may be tried again is tried again under the same id.
    made.catch((thrown: unknown) => {
      if (thrown instanceof RetryableError) this.#answers.delete(id);
    });
    return made;
  }
}
