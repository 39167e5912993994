// A worker's end of the registry: it registers, beats, and leaves.
import { sleep } from "../backoff.ts";
import { type Bus, subjectOf } from "../bus/index.ts";
import {
  heartbeatMs,
  type RegistryAddress,
  type WorkerInfo,
  type WorkerName,
  WorkerRefusedError,
  WorkerReplacedError,
} from "./worker-info.ts";

/** A worker's membership: alive until it leaves. */
export interface Membership {
  /** Rejects when the head refuses the worker later: after its restart, or for another process. */
  readonly ended: Promise<void>;
  leave(): Promise<void>;
}

/**
 * Registers a worker and sends heartbeats until it leaves; waits for a head that is not there yet.
 * @throws {WorkerRefusedError} {WorkerReplacedError}
 */
export async function joinRegistry(
  bus: Bus,
  address: RegistryAddress,
  info: WorkerInfo,
  signal: AbortSignal,
): Promise<Membership> {
  const leaving = new AbortController();
  const stop = AbortSignal.any([signal, leaving.signal]);
  const ask = (verb: string, payload: unknown, attemptsMax: number): Promise<unknown> => {
    const subject = subjectOf({ ...address, actor: "registry" }, verb);
    return bus.request(subject, payload, { timeoutMs: heartbeatMs, attemptsMax, signal: stop });
  };
  const register = async (): Promise<void> => {
    const difference = await ask("register", info, Number.POSITIVE_INFINITY);
    if (typeof difference === "string") throw new WorkerRefusedError(info.id, difference);
  };
  const name: WorkerName = { id: info.id, address: info.address };
  const beat = async (): Promise<void> => {
    while (!stop.aborted) {
      const standing = await ask("heartbeat", name, 1).catch(() => null);
      if (standing === "replaced") throw new WorkerReplacedError(info.id);
      if (standing === "unknown") await register();
      await sleep(heartbeatMs, stop);
    }
  };
  await register();
  const ended = beat().catch((thrown: unknown) => {
    if (!stop.aborted && !bus.closed) throw thrown;
  });
  ended.catch(() => {});
  return {
    ended,
    leave: async () => {
      leaving.abort(new Error("left"));
      await ended.catch(() => {});
      if (bus.closed) return;
      const subject = subjectOf({ ...address, actor: "registry" }, "leave");
      const options = { timeoutMs: heartbeatMs, attemptsMax: 1 };
      await bus.request(subject, name, options).catch(() => {});
    },
  };
}
