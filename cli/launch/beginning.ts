// Where a fork begins: given by `varft fork`, and found in the fork's own ledger when it goes on.
import { keptOf } from "../../actors/index.ts";
import { type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { type EventData, type HashName, hashName, streams } from "../../events/index.ts";
import type { ForkStart } from "../../replay/index.ts";
import { NotFoundError } from "../errors.ts";
import { keptConfigOf, withRun } from "../run/index.ts";
import type { Beginning } from "../session/index.ts";

/** What a run goes on with. */
export interface Resumed {
  readonly config: RunConfig;
  /** Left out: it begins with its checkpoint. */
  readonly beginning?: Beginning;
}

/** What a session of a new fork begins with. */
export async function beginningOf(start: ForkStart): Promise<Beginning> {
  const stored = new Map(start.blobs.map((bytes) => [hashName(bytes), bytes]));
  return { ...start, kept: await keptOf(start, async (name) => stored.get(name) ?? null) };
}

/**
 * The configuration that a run was begun with, and where a fork began. A fork keeps no file of its
 * configuration: before its first event is stored it has not begun.
 */
export async function resumedRun(runs: string, run: string): Promise<Resumed> {
  const kept = await keptConfigOf(runs, run);
  if (kept !== null) return { config: kept };
  return withRun(runs, run, async (reader, name) => {
    const [first] = await reader.readStream(streams.run(name), 1, 1);
    if (first === undefined) throw new NotFoundError(`the run "${run}" was never started`);
    const { parent, base, policy, optimizer, config } = first.data as EventData<"run.started">;
    const settings = { config: restoreRunConfig(config) };
    if (parent === undefined) return settings;
    const continued = await keptOf({ parent }, (blob: HashName) => reader.blobs.get(blob));
    const start = { base, policy, optimizer, parent, blobs: [] };
    return { ...settings, beginning: { ...start, kept: continued } };
  });
}
