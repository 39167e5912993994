// Appends that will be committed together.
import type { Lease } from "./ledger.ts";
import type { Group, RawHead, StoredPart } from "./store.ts";

/** A group that is being filled. It is handed to the store as it is. */
export class PendingGroup implements Group {
  readonly number: number;
  readonly firstGlobal: number;
  readonly events: Uint8Array[] = [];
  readonly parts: StoredPart[] = [];
  readonly leases: Lease[] = [];
  head: RawHead;
  bytes = 0;
  /** Settles when the group is on disk, or when it never will be. */
  readonly done: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(number: number, head: RawHead) {
    this.number = number;
    this.firstGlobal = head.size + 1;
    this.head = head;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits sees the failure; a group that nobody waits for must not end the process.
    this.done.catch(() => {});
  }

  get isEmpty(): boolean {
    return this.events.length === 0 && this.leases.length === 0;
  }

  resolve(): void {
    this.#resolve();
  }

  reject(error: Error): void {
    this.#reject(error);
  }
}
