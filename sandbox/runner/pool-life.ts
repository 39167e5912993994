// What a pool tells of its life: growth and shrinking, losses and what makes up for them, its end.
import type { PoolNotice } from "../types.ts";

type Of<K extends PoolNotice["kind"]> = Extract<PoolNotice, { kind: K }>;

export class PoolLife {
  readonly #tell: (notice: PoolNotice) => void;
  /** The number of runners that was told last. */
  #size = 0;
  /** Losses that no new runner has made up for. */
  #unreplaced = 0;

  constructor(tell: (notice: PoolNotice) => void = () => {}) {
    this.#tell = tell;
  }

  lost(container: string, during: Of<"lost">["during"], cause: string): void {
    // What never started was not there to be replaced.
    if (during !== "start") this.#unreplaced += 1;
    this.#tell({ kind: "lost", container, during, cause });
  }

  /** A runner was opened: it makes up for a lost one, or there are more than ever told. */
  opened(container: string, waitMs: number, alive: number): void {
    if (this.#unreplaced > 0) {
      this.#unreplaced -= 1;
      this.#tell({ kind: "replaced", container, waitMs });
    }
    if (alive > this.#size) this.resized(alive, "calls");
  }

  resized(to: number, cause: Of<"resized">["cause"]): void {
    const from = this.#size;
    this.#size = to;
    if (from !== to) this.#tell({ kind: "resized", from, to, cause });
  }

  drained(counts: Omit<Of<"drained">, "kind">): void {
    this.#tell({ kind: "drained", ...counts });
  }
}
