// The life of the sandbox's pool as events of `actor/sandbox`: no part of the result.
//
// 1. Recorded in the order in which it was told, once the run has begun.
// 2. At most `noticesMax` of a head: of losses without end the first are enough, and the end tells
//    how many there were.
import { type EventData, ensureError, event, sha256Hex, streams } from "../events/index.ts";
import type { PoolNotice } from "../sandbox/index.ts";
import type { Ledger } from "../storage/index.ts";
import { bounded } from "./tool-executor/index.ts";

/** Notices that one head records, the end not counted. */
export const noticesMax = 510;

export interface SandboxLogOptions {
  readonly ledger: Pick<Ledger, "append" | "head">;
  /** An append failed: what happens is no longer recorded. */
  readonly onFailed: (error: Error) => void;
}

export class SandboxLog {
  readonly #options: SandboxLogOptions;
  #told: readonly NoticeEvent[] = [];
  #count = 0;
  /** Appends in their order; null until the run has begun. */
  #recording: Promise<void> | null = null;
  #life = "";

  constructor(options: SandboxLogOptions) {
    this.#options = options;
  }

  /** Takes a notice of the pool. */
  note(notice: PoolNotice): void {
    this.#count += 1;
    if (this.#count > noticesMax && notice.kind !== "drained") return;
    this.#told = [...this.#told, eventOf(notice)];
    if (this.#recording !== null) this.#record();
  }

  /** The run has begun: what was told so far is recorded, and what comes from now on. */
  async begin(opened: EventData<"sandbox.opened">): Promise<void> {
    // Numbers start over with each head; what it records under them must not.
    this.#life = (await this.#options.ledger.head()).hash;
    this.#told = [event("sandbox.opened", opened), ...this.#told];
    this.#record();
  }

  /** Resolves when all that was told is recorded. */
  async end(): Promise<void> {
    await this.#recording;
  }

  #record(): void {
    const events = this.#told;
    this.#told = [];
    const part = { stream: streams.actor("sandbox"), expected: null, epoch: 0, events };
    const command = sha256Hex(`sandbox ${this.#count} ${this.#life}`);
    const append = { command, by: "head", trace: null, blobs: [], parts: [part] };
    this.#recording = Promise.resolve(this.#recording)
      .then(() => this.#options.ledger.append(append))
      .then(
        () => {},
        (thrown: unknown) => this.#options.onFailed(ensureError(thrown)),
      );
  }
}

type NoticeEvent = ReturnType<
  typeof event<
    | "sandbox.opened"
    | "sandbox.resized"
    | "sandbox.drained"
    | "container.lost"
    | "container.replaced"
  >
>;

function eventOf(notice: PoolNotice): NoticeEvent {
  switch (notice.kind) {
    case "resized": {
      const { from, to, cause } = notice;
      return event("sandbox.resized", { from, to, cause });
    }
    case "lost": {
      const { cause, during, container } = notice;
      return event("container.lost", { cause: bounded(cause), during, observed: { container } });
    }
    case "replaced": {
      const { waitMs, container } = notice;
      return event("container.replaced", { waitMs, observed: { container } });
    }
    case "drained": {
      const { opened, lost, executions } = notice;
      return event("sandbox.drained", { opened, lost, executions });
    }
  }
}
