// What lives of a run, as its head answers whoever asks.
import { hostname } from "node:os";
import type { WorkerEntry } from "../runtime/index.ts";
import type { PoolState } from "../sandbox/index.ts";
import type { HeadState } from "./protocol.ts";

/** Of the registry's list and the pool; times are milliseconds of the registry's clock. */
export function headStateOf(
  entries: readonly WorkerEntry[],
  sandbox: PoolState | null,
  { nowMs, begunMs }: { readonly nowMs: number; readonly begunMs: number },
): HeadState {
  const workers = entries.map((worker) => ({
    id: worker.id,
    role: worker.role,
    pid: worker.pid,
    host: worker.host,
    device: worker.numericClass.device,
    state: worker.state,
    registeredMs: nowMs - worker.registeredAt,
    silentMs: nowMs - worker.lastSeenAt,
  }));
  return { pid: process.pid, host: hostname(), aliveMs: nowMs - begunMs, workers, sandbox };
}
