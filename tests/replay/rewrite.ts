// A finished run written into another ledger, event by event, with facts changed on the way: its
// chain is whole, so that only what the events say can give it away.
import type { EventData, EventEnvelope, EventType, HashName } from "../../events/index.ts";
import type { Ledger, LedgerReader } from "../../storage/index.ts";

/** Changed data for event `seen` (from 1) of `type`. */
export interface Change<T extends EventType = EventType> {
  readonly type: T;
  readonly seen: number;
  readonly data: (data: EventData<T>) => EventData<T>;
}

/** All events of a ledger, in their global order. */
export async function eventsOf(
  reader: Pick<LedgerReader, "readAll">,
): Promise<readonly EventEnvelope[]> {
  const events: EventEnvelope[] = [];
  for (let next = 1; ; ) {
    const page = await reader.readAll(next);
    const last = page.at(-1);
    if (last === undefined) return events;
    events.push(...page.map(({ event }) => event));
    next = last.global + 1;
  }
}

/** The global sequence number of event `seen` of `type`, from 1. */
export function placeOf(
  events: readonly EventEnvelope[],
  { type, seen }: Pick<Change, "type" | "seen">,
): number {
  let left = seen;
  for (const [index, event] of events.entries()) {
    if (event.type !== type) continue;
    left -= 1;
    if (left === 0) return index + 1;
  }
  throw new Error(`there are no ${seen} events ${type}`);
}

/** Appends `events` to an empty ledger under their commands, changed. */
export async function rewrite(
  events: readonly EventEnvelope[],
  ledger: Ledger,
  change: Change | null = null,
): Promise<void> {
  const changed = change === null ? 0 : placeOf(events, change);
  const told = events.map((event, index) =>
    index + 1 === changed && change !== null
      ? { ...event, data: change.data(event.data as EventData<EventType>) }
      : event,
  );
  for (let start = 0; start < told.length; ) {
    const { stream, command, by, trace } = told[start] as EventEnvelope;
    let end = start + 1;
    while (told[end]?.stream === stream && told[end]?.command === command) end += 1;
    const parts = [{ stream, expected: null, epoch: 0, events: told.slice(start, end) }];
    await ledger.append({ command, by, trace, blobs: [], parts });
    start = end;
  }
}

/** Stores in `ledger` every blob that the events name and `source` has. */
export async function copyBlobs(
  events: readonly EventEnvelope[],
  source: LedgerReader["blobs"],
  ledger: Ledger,
): Promise<void> {
  const text = JSON.stringify(events.map(({ data }) => data));
  const names = new Set(text.match(/sha256:[0-9a-f]{64}/g));
  for (const name of names) {
    const bytes = await source.get(name as HashName);
    if (bytes !== null) await ledger.blobs.put(bytes);
  }
}
