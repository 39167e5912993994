// Gathers the turns that trajectories want to sample into calls of the engine.
//
// 1. The result of a turn does not depend on its batch (I4), so who is sampled with whom is only a
//    question of speed: a call starts when everyone who may still ask has asked, when the batch is
//    full, or when nobody new has come for a while (the others wait for slow tools).
// 2. One call at a time. Turns of different sampling settings never share a call.
// 3. A sampler whose rows are independent batches for itself: nobody waits for anybody here.
import { assert, ensureError, type Sampling } from "../../events/index.ts";
import type { PolicySampler, SampledTurn, TurnRequest } from "./ports.ts";

interface Waiting {
  readonly request: TurnRequest;
  readonly sampling: Sampling;
  readonly key: string;
  readonly resolve: (turn: SampledTurn) => void;
  readonly reject: (error: Error) => void;
}

type TurnSampler = Pick<PolicySampler, "rowsMax" | "independent" | "sample">;

export interface TurnBatcherOptions {
  readonly sampler: TurnSampler;
  /** How long an incomplete batch waits for the next to come, in milliseconds. */
  readonly lingerMs: number;
}

export class TurnBatcher {
  readonly #sampler: TurnSampler;
  readonly #lingerMs: number;
  #queue: Waiting[] = [];
  #expected = 0;
  #running = false;
  #timer: NodeJS.Timeout | null = null;

  constructor({ sampler, lingerMs }: TurnBatcherOptions) {
    this.#sampler = sampler;
    this.#lingerMs = lingerMs;
  }

  /** So many more (or, negative, fewer) trajectories may ask for a turn. */
  expect(rows: number): void {
    this.#expected += rows;
    assert(this.#expected >= 0, "more trajectories have ended than were expected");
    this.#pump();
  }

  /** Samples one turn per request. */
  sample(requests: readonly TurnRequest[], sampling: Sampling): Promise<readonly SampledTurn[]> {
    if (this.#sampler.independent === true) return this.#sampler.sample(requests, sampling);
    const key = JSON.stringify(sampling);
    const turns = requests.map(
      (request) =>
        new Promise<SampledTurn>((resolve, reject) => {
          this.#queue.push({ request, sampling, key, resolve, reject });
        }),
    );
    this.#pump();
    return Promise.all(turns);
  }

  #pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#running || this.#queue.length === 0) return;
    const full = this.#queue.length >= this.#sampler.rowsMax;
    if (full || this.#queue.length >= this.#expected) this.#start();
    else this.#timer = setTimeout(() => this.#start(), this.#lingerMs);
  }

  #start(): void {
    const [first] = this.#queue;
    assert(first !== undefined, "a batch has at least one turn");
    const batch = this.#queue
      .filter(({ key }) => key === first.key)
      .slice(0, this.#sampler.rowsMax);
    const taken = new Set(batch);
    this.#queue = this.#queue.filter((waiting) => !taken.has(waiting));
    this.#running = true;
    void this.#run(batch, first.sampling).finally(() => {
      this.#running = false;
      this.#pump();
    });
  }

  async #run(batch: readonly Waiting[], sampling: Sampling): Promise<void> {
    try {
      const requests = batch.map(({ request }) => request);
      const turns = await this.#sampler.sample(requests, sampling);
      assert(turns.length === batch.length, "the sampler gives one turn per request");
      for (const [index, waiting] of batch.entries()) waiting.resolve(turns[index] as SampledTurn);
    } catch (thrown) {
      for (const waiting of batch) waiting.reject(ensureError(thrown));
    }
  }
}
