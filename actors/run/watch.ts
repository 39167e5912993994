// What the head waits for, it waits for in the ledger: a message that something is done may be
// lost, an event may not.
import {
  assert,
  type EventData,
  type EventEnvelope,
  type HashName,
  streams as streamNames,
} from "../../events/index.ts";
import { signalled } from "../signalled.ts";
import { untilAborted } from "../until-aborted.ts";

export interface WatchedLedger {
  readStream(stream: string): Promise<readonly EventEnvelope[]>;
}

type Update = EventData<"policy.updated">;
type Listener = (event: EventEnvelope) => void;

/** Updates that are remembered: more than any policy lag. */
const updatesMax = 16;

export class Watch {
  readonly #ledger: WatchedLedger;
  readonly #learner: string;
  readonly #listeners = new Set<Listener>();
  readonly #updates = new Map<number, Update>();
  #latest: Update | null = null;

  constructor(ledger: WatchedLedger, run: string) {
    this.#ledger = ledger;
    this.#learner = streamNames.learner(run);
  }

  /** The policy that was learned last; null before the first. */
  get latest(): Update | null {
    return this.#latest;
  }

  /** The policy that came out of `step`, one of the latest; null where it was not learned yet. */
  policyAfter(step: number): HashName | null {
    return this.#updates.get(step)?.policyAfter ?? null;
  }

  /** Reads what happened before; call it when `note` is being fed. */
  async begin(): Promise<void> {
    for (const event of await this.#ledger.readStream(this.#learner)) this.#update(event);
  }

  /** Takes note of an event of the ledger. */
  note(event: EventEnvelope): void {
    this.#update(event);
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** Resolves when every one of `streams` holds `trajectory.ended`; tells each one once. */
  async untilEnded(
    streams: readonly string[],
    onEnded: (stream: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const open = new Set(streams);
    const ended = signalled();
    const settle = (stream: string): void => {
      if (open.delete(stream)) onEnded(stream);
      if (open.size === 0) ended.resolve();
    };
    const listener: Listener = ({ type, stream }) => {
      if (type === "trajectory.ended") settle(stream);
    };
    await this.#listen(listener, signal, async () => {
      // Only now is the past read, so that nothing falls between it and what is to come.
      for (const stream of streams) {
        signal.throwIfAborted();
        const events = await this.#ledger.readStream(stream);
        if (events.at(-1)?.type === "trajectory.ended") settle(stream);
      }
      if (open.size > 0) await ended.promise;
    });
  }

  /** The update of `step`, as soon as it is recorded. */
  async untilUpdated(step: number, signal: AbortSignal): Promise<Update> {
    const learned = signalled();
    const check = (): void => {
      if ((this.#latest?.step ?? 0) >= step) learned.resolve();
    };
    await this.#listen(check, signal, () => {
      check();
      return learned.promise;
    });
    const update = this.#updates.get(step);
    assert(
      update !== undefined,
      `the learner is not far past step ${step}, which is being learned`,
    );
    return update;
  }

  /** Listens for as long as `wait` takes, or until `signal` is aborted. */
  async #listen(listener: Listener, signal: AbortSignal, wait: () => Promise<void>): Promise<void> {
    this.#listeners.add(listener);
    try {
      await untilAborted(wait(), signal);
    } finally {
      this.#listeners.delete(listener);
    }
  }

  #update({ stream, type, data }: EventEnvelope): void {
    if (stream !== this.#learner || type !== "policy.updated") return;
    const update = data as Update;
    this.#updates.set(update.step, update);
    this.#updates.delete(update.step - updatesMax);
    if (this.#latest === null || update.step > this.#latest.step) this.#latest = update;
  }
}
