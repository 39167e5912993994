// Pruning: which blobs of a run go by a rule, and the event that says so before they do.
//
// 1. Facts first (I1): a blob is removed only once the ledger says that it was pruned. A process
//    that dies in between leaves a blob that may go; the next prune removes it.
// 2. What the events name beyond what is stored is left alone: nothing is recorded that was not
//    done.
import {
  type EventData,
  type EventEnvelope,
  event,
  type HashName,
  packHashes,
  streams,
} from "../../events/index.ts";
import type { Ledger, LedgerReader } from "../../storage/index.ts";
import { PrunedBlobs } from "./pruned.ts";
import { type KeepRules, keepRulesText, type PrunableKind } from "./rules.ts";
import { RetentionFold } from "./select.ts";

/** Blobs that one event names: half of what an event may hold. */
const namesPerEventMax = 4_096;

/** What goes of one kind. */
export interface PrunedKind {
  readonly kind: PrunableKind;
  readonly names: readonly HashName[];
  readonly bytes: number;
}

/** What goes, or would go, of a run. */
export interface Pruning {
  readonly run: string;
  readonly started: EventData<"run.started">;
  /** The rules in their words. */
  readonly rule: string;
  readonly kinds: readonly PrunedKind[];
  /** Blobs that the rules let go, and that stay because the run needs them to go on. */
  readonly needed: number;
  /** Of those that go, the ones that the ledger does not call pruned yet. */
  readonly unrecorded: readonly HashName[];
}

/**
 * Chooses what goes by `rules`; null where the run was never started.
 * @param bytesOf the size of a blob, null where it is not stored
 */
export async function choosePruning(
  reader: Pick<LedgerReader, "readAll">,
  bytesOf: (name: HashName) => number | null,
  rules: KeepRules,
): Promise<Pruning | null> {
  const [fold, pruned] = [new RetentionFold(), new PrunedBlobs()];
  let started: EventData<"run.started"> | null = null;
  for (let next = 1; ; ) {
    const page = await reader.readAll(next);
    const last = page.at(-1);
    if (last === undefined) break;
    for (const { event: one } of page) {
      fold.add(one);
      pruned.note(one);
      started ??= startOf(one);
    }
    next = last.global + 1;
  }
  if (started === null) return null;
  const { kinds, needed } = fold.select(rules);
  const found = [...kinds].map(([kind, all]): PrunedKind => {
    const names = all.filter((name) => bytesOf(name) !== null);
    return { kind, names, bytes: names.reduce((sum, name) => sum + (bytesOf(name) ?? 0), 0) };
  });
  const names = found.flatMap((one) => one.names);
  return {
    run: started.run,
    started,
    rule: keepRulesText(rules),
    kinds: found.filter((one) => one.names.length > 0),
    needed,
    unrecorded: names.filter((name) => pruned.of(name) === null),
  };
}

/** Records what goes. */
export async function recordPruning(
  ledger: Ledger,
  { run, rule, unrecorded }: Pruning,
): Promise<void> {
  const { size } = await ledger.head();
  for (let start = 0; start < unrecorded.length; start += namesPerEventMax) {
    const names = packHashes(unrecorded.slice(start, start + namesPerEventMax));
    const part = {
      stream: streams.storage(run),
      expected: null,
      epoch: 0,
      events: [event("blobs.pruned", { rule, names })],
    };
    const command = `prune/${size}/${start}`;
    await ledger.append({ command, by: "storage", trace: null, blobs: [], parts: [part] });
  }
}

function startOf({ type, data }: EventEnvelope): EventData<"run.started"> | null {
  return type === "run.started" ? (data as EventData<"run.started">) : null;
}
