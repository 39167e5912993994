// What an audit found: the shape that `varft audit --json` prints.

/** The first event that is wrong, or the place at which something is missing. */
export interface BadEvent {
  /** Global sequence number, from 1; 0: no event, but the ledger as a whole. */
  readonly seq: number;
  /** The event's stream; null where the event cannot be read or is not there. */
  readonly stream: string | null;
  readonly reason: string;
}

/** What an audit says. */
export interface AuditVerdict {
  readonly ok: boolean;
  /** Whether a key or a checkpoint from elsewhere vouches for where the run comes from. */
  readonly origin: "proven" | "unproven";
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly firstBad: BadEvent | null;
  /** By the name of the check, how many things it has checked. */
  readonly checks: Readonly<Record<string, number>>;
}
