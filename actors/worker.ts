// What every worker does besides its work: registers and stays registered, reports what failed.
import { ensureError, VarftError } from "../events/index.ts";
import { type Bus, joinRegistry, type WorkerInfo } from "../runtime/index.ts";
import { headActor, type Messenger, type RunAddress } from "./protocol.ts";

/**
 * Registers `info` and stays registered until `signal` is aborted. A head that is away is waited
 * for.
 * @throws {WorkerRefusedError} {WorkerReplacedError}
 */
export async function stayRegistered(
  bus: Bus,
  address: RunAddress,
  info: WorkerInfo,
  signal: AbortSignal,
): Promise<void> {
  try {
    const membership = await joinRegistry(bus, address, info, signal);
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([membership.ended, stopped]);
    await membership.leave();
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

/**
 * Tells the head what failed, until it has heard: a fault that nobody hears of would be a run that
 * waits for ever. Ends with the bus.
 */
export async function reportFault(
  messenger: Messenger,
  worker: string,
  fault: unknown,
): Promise<void> {
  const error = ensureError(fault);
  const code = error instanceof VarftError ? error.code : error.name;
  const report = { worker, code, message: error.message };
  const options = { attemptsMax: Number.POSITIVE_INFINITY };
  await messenger.ask(headActor, "fault", report, options).catch(() => {});
}
