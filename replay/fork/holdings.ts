// What of a run's weights is still there, and in what words somebody is told that it is not.
import type { EventData, EventEnvelope, HashName } from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { type PrunedBlobs, prunedWords, readPruned } from "../retention/index.ts";
import { ForkError } from "./errors.ts";

type Reader = Pick<LedgerReader, "listStreams" | "readStream" | "blobs">;
type Started = EventData<"run.started">;

/** The large blobs of a run as they lie there. */
export class Holdings {
  /** Blobs that events call stored and that are not there any more. */
  readonly gone: ReadonlySet<HashName>;
  readonly #blobs: Reader["blobs"];
  readonly #pruned: PrunedBlobs;

  private constructor(blobs: Reader["blobs"], gone: ReadonlySet<HashName>, pruned: PrunedBlobs) {
    this.#blobs = blobs;
    this.gone = gone;
    this.#pruned = pruned;
  }

  static async open(
    reader: Reader,
    started: Started,
    learner: readonly EventEnvelope[],
  ): Promise<Holdings> {
    const gone = new Set<HashName>();
    for (const name of storedNames(started, learner)) {
      if (!(await reader.blobs.has(name))) gone.add(name);
    }
    return new Holdings(reader.blobs, gone, await readPruned(reader));
  }

  /** Why a blob is not there. */
  why(name: HashName): string {
    const by = this.#pruned.of(name);
    return by === null ? "is no longer stored" : prunedWords(by);
  }

  /** @param what it is, @param mend what to do where it is gone. @throws {ForkError} */
  async take(name: HashName, what: string, mend: string): Promise<Uint8Array> {
    const bytes = await this.#blobs.get(name);
    if (bytes !== null) return bytes;
    throw new ForkError(`${what} ${name} ${this.why(name)}; ${mend}`);
  }
}

/** The weights and gradients that events call stored. */
function storedNames(
  { policy, optimizer }: Started,
  learner: readonly EventEnvelope[],
): ReadonlySet<HashName> {
  const names = new Set([policy, optimizer]);
  for (const { type, data } of learner) {
    if (type === "gradient.computed") {
      const { gradient, stored } = data as EventData<"gradient.computed">;
      if (stored) names.add(gradient);
    } else if (type === "policy.updated") {
      const { policyAfter, optimizerAfter, optimizerStored } = data as EventData<"policy.updated">;
      names.add(policyAfter);
      if (optimizerStored) names.add(optimizerAfter);
    }
  }
  return names;
}
