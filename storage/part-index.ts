// The index of a ledger whose events come as stored rows: the events of a command that stand
// together in a stream are one row, as they were appended.
import type { EventEnvelope } from "../events/index.ts";
import type { StoredPart } from "./store.ts";

export class PartIndex {
  #closed: StoredPart[] = [];
  #open: StoredPart | null;
  #isGrown = false;

  /** @param open the part that the next event may belong to */
  constructor(open: StoredPart | null = null) {
    this.#open = open;
  }

  /** The next event; null: a row that no index names. */
  add(event: Pick<EventEnvelope, "stream" | "command" | "seq"> | null, global: number): void {
    const open = this.#open;
    if (open !== null && open.stream === event?.stream && open.command === event.command) {
      this.#open = { ...open, count: open.count + 1 };
      this.#isGrown = true;
      return;
    }
    if (open !== null && this.#isGrown) this.#closed.push(open);
    this.#isGrown = event !== null;
    this.#open = event === null ? null : rowOf(event, global);
  }

  /** The rows that are new, or have grown, since they were last taken: to be written (over). */
  take(): StoredPart[] {
    const rows = this.#closed;
    if (this.#open !== null && this.#isGrown) rows.push(this.#open);
    [this.#closed, this.#isGrown] = [[], false];
    return rows;
  }
}

function rowOf(
  { stream, command, seq }: Pick<EventEnvelope, "stream" | "command" | "seq">,
  global: number,
): StoredPart {
  return { stream, command, seq, global, count: 1 };
}
