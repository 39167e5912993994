// Has a run's ledger signed while it grows: at each step, at the end, and when the session closes.
import { type EventEnvelope, ensureError } from "../../events/index.ts";
import { type CheckpointOptions, openCheckpointLog, openSigningKey } from "../../storage/index.ts";
import { signingKeyOf } from "../run/index.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

/** A checkpoint is signed once such an event is durable. */
const signedTypes = new Set(["run.started", "policy.updated", "run.completed"]);

export interface CheckpointParts extends Pick<CheckpointOptions, "ledger" | "onSigned"> {
  readonly session: SessionOptions;
  readonly onFailed: (error: Error) => void;
}

/** Opens the checkpoints of a run; to be called with each of its new events. */
export async function openCheckpoints(
  { session, onFailed, ...rest }: CheckpointParts,
  closers: Closers,
): Promise<(event: EventEnvelope) => void> {
  const { directory, run, config, say } = session;
  const key = await openSigningKey(signingKeyOf(directory, config));
  const log = await openCheckpointLog({ directory, run, key, ...rest });
  closers.add(async () => {
    try {
      await log.sign();
    } catch (thrown) {
      // Closing comes after whatever ended the run, which must not be hidden by this.
      say(`the last checkpoint was not written: ${ensureError(thrown).message}`);
    } finally {
      await log.close();
    }
  });
  return ({ type }) => {
    if (!signedTypes.has(type)) return;
    log.sign().catch((thrown: unknown) => onFailed(ensureError(thrown)));
  };
}
