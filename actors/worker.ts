// What every worker does besides its work: registers and keeps doing so, reports what failed.
import { ensureError, type NumericClass, RetryableError, VarftError } from "../events/index.ts";
import { beatMs, headActor, type Messenger, type WorkerRole } from "./protocol.ts";

export interface WorkerIdentity {
  /** The worker's id, a subject token: `rollout-0`. */
  readonly worker: string;
  readonly role: WorkerRole;
  /** Different for each life. */
  readonly instance: string;
  readonly numericClass: NumericClass;
  /** Where it runs, for people. */
  readonly observed: Readonly<Record<string, unknown>>;
}

/**
 * Registers and repeats it until `signal` is aborted. A head that is away is waited for.
 * @throws what the head refuses the worker with
 */
export async function keepRegistered(
  messenger: Messenger,
  identity: WorkerIdentity,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await messenger.ask(
        headActor,
        "register",
        { ...identity, observed: { ...identity.observed } },
        {
          signal,
        },
      );
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof RetryableError)) throw thrown;
    }
    await pause(beatMs, signal);
  }
}

/** Tells the head what failed. A head that cannot be reached learns nothing: the work is resumed. */
export async function reportFault(
  messenger: Messenger,
  worker: string,
  fault: unknown,
): Promise<void> {
  const error = ensureError(fault);
  const code = error instanceof VarftError ? error.code : error.name;
  await messenger.ask(headActor, "fault", { worker, code, message: error.message }).catch(() => {});
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
