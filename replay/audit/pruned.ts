// Blobs that the ledger says were pruned: they may be absent, and nothing else may. One that a
// later event names again must be there again.
import { type HashName, unpackHashes } from "../../events/index.ts";
import type { AuditEvent } from "./book.ts";

/** An event that pruned blobs, and how many of them are gone. */
export interface PruneFacts {
  /** Global sequence number. */
  readonly seq: number;
  readonly rule: string;
  readonly blobs: number;
}

/** Prunes that are told one by one. */
const prunesToldMax = 100;
const ruleCharsMax = 200;

export class PruneAudit {
  readonly #rules = new Map<number, string>();
  readonly #prunedBy = new Map<HashName, number>();
  readonly #gone = new Map<number, number>();

  /** Takes note of an event, and of the blobs that it says are stored. */
  note(global: number, { type, data }: AuditEvent, stored: readonly HashName[]): void {
    if (this.#prunedBy.size > 0) for (const name of stored) this.#prunedBy.delete(name);
    if (type !== "blobs.pruned") return;
    this.#rules.set(global, data.rule.slice(0, ruleCharsMax));
    for (const name of unpackHashes(data.names)) this.#prunedBy.set(name, global);
  }

  /** Whether a blob that is absent may be; it is counted then. */
  excuses(name: HashName): boolean {
    const global = this.#prunedBy.get(name);
    if (global === undefined) return false;
    this.#gone.set(global, (this.#gone.get(global) ?? 0) + 1);
    return true;
  }

  /** The prunes by which blobs are gone. */
  get facts(): readonly PruneFacts[] {
    const facts = [...this.#gone].map(([seq, blobs]) => {
      return { seq, rule: this.#rules.get(seq) ?? "", blobs };
    });
    return facts.sort((a, b) => a.seq - b.seq).slice(0, prunesToldMax);
  }
}
