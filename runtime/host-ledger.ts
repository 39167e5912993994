// What the actor host needs of a ledger. `Ledger` of the storage room satisfies it, near or remote.
import type { EventEnvelope, HashName, NewEvent } from "../events/index.ts";

/** What an append adds to one stream. */
export interface HostPart {
  readonly stream: string;
  /** The sequence number of the stream's last event, 0 for a new stream. */
  readonly expected: number;
  /** The epoch of the lease that covers the stream. */
  readonly epoch: number;
  /** The command that this part answers. */
  readonly command: string;
  readonly events: readonly NewEvent[];
}

/** One append: all parts or none. */
export interface HostAppend {
  readonly command: string;
  readonly by: string;
  readonly trace: string | null;
  /** Content that must be stored before. */
  readonly blobs: readonly HashName[];
  readonly parts: readonly HostPart[];
}

export interface HostLedger {
  append(request: HostAppend): Promise<readonly EventEnvelope[]>;
  readStream(stream: string): Promise<readonly EventEnvelope[]>;
  acquireLease(name: string, holder: string): Promise<{ readonly epoch: number }>;
}
