// Runs of the tiny world that were pruned as `varft prune` does it.
import type { RunConfig } from "../../config/index.ts";
import { choosePruning, parseKeepRules, recordPruning } from "../../replay/index.ts";
import { type MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import { playTiny } from "./tiny-replay.ts";

/** Plays a run and prunes it by `rules`. */
export async function pruned(config: RunConfig, ...rules: readonly string[]): Promise<MemoryDisk> {
  const disk = await playTiny({ config });
  await prune(disk, ...rules);
  return disk;
}

/** Prunes the run on `disk`. */
export async function prune(disk: MemoryDisk, ...rules: readonly string[]): Promise<void> {
  const ledger = await openMemoryLedger({ clock: () => 0, disk });
  const bytesOf = (name: string) => disk.blobs.get(name)?.length ?? null;
  const pruning = await choosePruning(ledger, bytesOf, parseKeepRules(rules));
  if (pruning === null) throw new Error("the run was never started");
  await recordPruning(ledger, pruning);
  for (const { names } of pruning.kinds) for (const name of names) disk.blobs.delete(name);
  await ledger.close();
}
