// Turns sampled again: the recorded context, the recorded policy, the same random numbers. Turns of
// a step do not depend on each other once their contexts are recorded, so they share calls freely.
import {
  EvidenceError,
  type Kept,
  type PolicySampler,
  type RolloutWords,
  turnRequest,
} from "../../actors/index.ts";
import { assert, type EventData, type HashName } from "../../events/index.ts";
import { type Findings, type FoldedTrajectory, unequal } from "../fold/index.ts";
import { logProbTolerance } from "./tolerance.ts";

type Turn = FoldedTrajectory["turns"][number];

export interface TurnsOptions {
  readonly seed: number;
  readonly limits: RolloutWords["limits"];
  /** What the run continues; null where its trajectories are new. */
  readonly kept: Kept | null;
  readonly sampler: PolicySampler;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
  /** True on the run's own numeric class: to the bit. */
  readonly exact: boolean;
}

export class TurnSampler {
  readonly #options: TurnsOptions;
  #held: HashName | null = null;
  /** Turns that took another token somewhere, on another numeric class. */
  parted = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Samples every turn of `trajectories`, which were played with one policy, and compares it. */
  async compare(trajectories: readonly FoldedTrajectory[], findings: Findings): Promise<void> {
    const [first] = trajectories;
    if (first === undefined) return;
    const { policy, sampling } = first;
    const { seed, limits, kept, sampler } = this.#options;
    await this.#load(policy);
    // Turns that were kept of another run were sampled there.
    const turns = trajectories
      .flatMap(({ turns: played }) => played)
      .filter(({ event }) => event.data.turn >= (kept?.turn ?? 0));
    // Turns of similar length share a call: less of it is padding.
    turns.sort((a, b) => a.before.length - b.before.length);
    for (let start = 0; start < turns.length; start += sampler.rowsMax) {
      const batch = turns.slice(start, start + sampler.rowsMax);
      const requests = batch.map(({ event, before }) =>
        turnRequest({ seed, limits, kept }, event.stream, event.data.turn, before),
      );
      const sampled = await sampler.sample(requests, sampling);
      for (const [index, turn] of batch.entries()) {
        const again = sampled[index];
        assert(again !== undefined, "one turn per request");
        this.#compareTurn(turn, again, findings);
      }
    }
  }

  #compareTurn({ event }: Turn, again: SampledAgain, findings: Findings): void {
    const { ids, logProbs, entropy, finish } = event.data;
    const reason = unequal(
      { ids, logProbs, entropy, finish },
      {
        ids: again.ids,
        logProbs: again.logProbs,
        entropy: again.entropy,
        finish: again.finish,
      },
    );
    if (reason === null || this.#options.exact) {
      findings.compare("tokens", event, reason && `the turn sampled again: ${reason}`);
      return;
    }
    const parting = ids.findIndex((id, index) => id !== again.ids[index]);
    if (parting >= 0) this.parted += 1;
    const far = farLogProb(logProbs, again.logProbs, parting < 0 ? ids.length : parting);
    if (far === null) findings.near("tokens");
    else findings.compare("tokens", event, `the turn sampled again: ${far}`);
  }

  async #load(policy: HashName): Promise<void> {
    if (this.#held === policy) return;
    const bytes = await this.#options.readBlob(policy);
    if (bytes === null) throw new EvidenceError(`the policy ${policy} is not stored`);
    this.#held = await this.#options.sampler.load(policy, bytes);
    if (this.#held === policy) return;
    throw new EvidenceError(`the policy ${policy} is ${this.#held} once it is loaded`);
  }
}

type SampledAgain = Pick<EventData<"turn.sampled">, "ids" | "logProbs" | "entropy" | "finish">;

/** The first of `count` log-probs that is further off than the tolerance. */
function farLogProb(recorded: Float32Array, again: Float32Array, count: number): string | null {
  for (let index = 0; index < count; index++) {
    const [was, is] = [recorded[index] ?? 0, again[index] ?? 0];
    if (Math.abs(was - is) <= logProbTolerance) continue;
    return `logProbs[${index}] is recorded as ${was} and comes out as ${is}`;
  }
  return null;
}
