// Pruning in a record that a test may change: by the rules, as `varft prune` does it, and against
// them.
import { type HashName, packHashes } from "../../../events/index.ts";
import { choosePruning, parseKeepRules } from "../../../replay/index.ts";
import { type LooseEvent, madeConsistent, type RunRecord } from "./forge.ts";

/** Puts an event at the end that says that `names` were pruned; the blobs go, too. */
export function callPruned(
  record: RunRecord,
  rule: string,
  names: readonly HashName[],
  place = record.events.length,
): LooseEvent {
  // In the order in which an envelope is stored.
  const event: LooseEvent = {
    ...{ id: `new-${place}`, stream: `storage/${record.run}`, seq: 0 },
    ...{ type: "blobs.pruned", v: 1, time: 0, cause: null, command: `prune/${place}/0` },
    ...{ trace: null, epoch: 0, by: "storage" },
    data: { rule, names: packHashes(names) },
  };
  record.events.splice(place, 0, event);
  for (const name of names) record.blobs.delete(name);
  return event;
}

/** What `rule` lets go of a record. */
export async function prunable(record: RunRecord, rule: string): Promise<readonly HashName[]> {
  const pruning = await choosePruning(
    {
      readAll: async (from) =>
        from > 1 ? [] : record.events.map((event, index) => ({ global: index + 1, event })),
    },
    (name) => record.blobs.get(name)?.length ?? null,
    parseKeepRules(rule.split(" ")),
  );
  return pruning?.unrecorded ?? [];
}

/** Prunes a record by `rule`. */
export async function prune(record: RunRecord, rule: string): Promise<LooseEvent> {
  const event = callPruned(record, rule, await prunable(record, rule));
  madeConsistent(record);
  return event;
}
