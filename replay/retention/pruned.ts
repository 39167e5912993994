// Which blobs a run has pruned: what its ledger says of those that are not there any more.
import {
  type EventData,
  type EventEnvelope,
  type HashName,
  unpackHashes,
} from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";

/** By what a blob was pruned. */
export interface PrunedBy {
  readonly rule: string;
  /** The event that says so. */
  readonly stream: string;
  readonly seq: number;
}

/** Pruned blobs, each by the last event that names it so. */
export class PrunedBlobs {
  readonly #prunings = new Map<HashName, PrunedBy>();

  /** Takes note of an event, whatever its type. */
  note({ type, data, stream, seq }: Pick<EventEnvelope, "type" | "data" | "stream" | "seq">): void {
    if (type !== "blobs.pruned") return;
    const { rule, names } = data as EventData<"blobs.pruned">;
    const pruning = { rule, stream, seq };
    for (const name of unpackHashes(names)) this.#prunings.set(name, pruning);
  }

  /** What has pruned a blob; null where nothing did. */
  of(name: HashName): PrunedBy | null {
    return this.#prunings.get(name) ?? null;
  }
}

/** Reads what a run has pruned. */
export async function readPruned(
  reader: Pick<LedgerReader, "listStreams" | "readStream">,
): Promise<PrunedBlobs> {
  const pruned = new PrunedBlobs();
  for (const stream of await reader.listStreams(storageStreams)) {
    for (const event of await reader.readStream(stream)) pruned.note(event);
  }
  return pruned;
}

const storageStreams = "storage/";

/** In words, for whoever wanted the blob. */
export function prunedWords({ rule, stream, seq }: PrunedBy): string {
  return `was pruned by the rule "${rule}" (event ${seq} of ${stream}): a backup may have it`;
}
