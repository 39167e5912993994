// What must hold of a run after its faults: nothing that anybody was told is missing, nothing is
// there twice, and the result is the undisturbed run's (I4).
import { firstDifference, type RunResult, resultOfEvents } from "../../actors/index.ts";
import { decodeEnvelope, type EventEnvelope, sha256Hex } from "../../events/index.ts";
import { type LedgerReader, verifyChain } from "../../storage/index.ts";
import type { Testimony } from "./witness.ts";

/** What was found. All of it must be zero or null. */
export interface Findings {
  /** Events and blobs that somebody was told of and that are not there, or are others. */
  readonly lost: number;
  /** Events that are there twice, by id or by place in their stream. */
  readonly doubled: number;
  /** Where the chain is broken. */
  readonly chain: string | null;
  /** Where the result differs from the undisturbed run's. */
  readonly difference: string | null;
}

interface Contents {
  readonly events: readonly EventEnvelope[];
  /** The hash of the bytes, by event id. */
  readonly bytes: ReadonlyMap<string, string>;
  readonly doubled: number;
}

/** Holds the ledger of a run against what was told of it. */
export async function verifyRun(
  ledger: LedgerReader,
  told: Testimony,
  wanted: RunResult | null,
): Promise<Findings> {
  const { events, bytes, doubled } = await contentsOf(ledger);
  let lost = 0;
  for (const [id, hash] of told.events) if (bytes.get(id) !== hash) lost += 1;
  for (const name of told.blobs) if (!(await ledger.blobs.has(name))) lost += 1;
  const { reason: chain } = await verifyChain(ledger);
  const apart = wanted === null ? null : firstDifference(wanted, resultOfEvents(events));
  const difference = apart === null ? null : `${apart.stream} ${apart.seq}: ${apart.reason}`;
  return { lost, doubled, chain, difference };
}

/** Whether nothing is to be found fault with. */
export function isClean({ lost, doubled, chain, difference }: Findings): boolean {
  return lost === 0 && doubled === 0 && chain === null && difference === null;
}

async function contentsOf(ledger: LedgerReader): Promise<Contents> {
  const events: EventEnvelope[] = [];
  const bytes = new Map<string, string>();
  const places = new Set<string>();
  for (;;) {
    const page = await ledger.readRows(events.length + 1);
    if (page.length === 0) break;
    for (const row of page) {
      const event = decodeEnvelope(row.bytes);
      events.push(event);
      bytes.set(event.id, sha256Hex(row.bytes));
      places.add(`${event.stream} ${event.seq}`);
    }
  }
  const doubled = 2 * events.length - bytes.size - places.size;
  return { events, bytes, doubled };
}
