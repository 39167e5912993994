// What an audit says: the shape that `varft audit --json` prints, and how it follows from a report.
import type { AuditReport } from "./audit-evidence.ts";
import type { BadEvent } from "./findings.ts";

/** What an audit says. */
export interface AuditVerdict {
  readonly ok: boolean;
  /** Whether a key or a checkpoint from elsewhere vouches for all events. */
  readonly origin: "proven" | "unproven";
  /** The run whose record this is, as it says itself; null where it says nothing. */
  readonly run: string | null;
  readonly events: number;
  /** Of these, how many are vouched for. */
  readonly provenEvents: number;
  readonly eventsPerSecond: number;
  readonly blobBytes: number;
  /** Blobs that are gone by a rule, by the events (global numbers) that say so. */
  readonly pruned: AuditReport["pruned"];
  readonly firstBad: BadEvent | null;
  /** By the name of the check, how many things it has checked. */
  readonly checks: Readonly<Record<string, number>>;
  /** By check, the first that it found wrong; checks that found nothing are not here. */
  readonly faults: Readonly<Record<string, BadEvent>>;
}

/**
 * @param strict an origin that is not proven is not well
 * @param asked the name under which the record lies: that of another run under this name, however
 *   well signed, proves nothing of the run that was asked for
 */
export function verdictOf(
  report: AuditReport,
  strict: boolean,
  asked: string | null = report.run,
): AuditVerdict {
  const { run, events, provenEvents, firstBad } = report;
  const { eventsPerSecond, blobBytes, pruned, checks, faults } = report;
  const isProven = events > 0 && provenEvents === events && run === asked;
  const origin = isProven ? "proven" : "unproven";
  return {
    ok: firstBad === null && (isProven || !strict),
    origin: firstBad === null ? origin : "unproven",
    run,
    events,
    provenEvents,
    eventsPerSecond,
    blobBytes,
    pruned,
    firstBad,
    checks,
    faults,
  };
}
