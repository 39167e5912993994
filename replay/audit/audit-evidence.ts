// The audit itself: one pass over the events, then leases and blobs. It reads what lies there and
// trusts nothing; on a hostile LMDB file the reading may crash, so `audit-run.ts` runs this in a
// process of its own.
//
// 1. Every check is a small function over an event and the facts before it (`checks/`, `book.ts`).
// 2. All checks run to the end; the verdict names the earliest event of which one said no.
// 3. A run that is being written is audited as it was when the audit began.
// 4. It has two halves that need nothing of each other: what follows the bytes, and what reads
//    their meaning. Of a large ledger, each has a thread (`two-threads.ts`).
import type { Evidence } from "../../storage/index.ts";
import { BytesAudit, type BytesReport } from "./bytes-audit.ts";
import type { CheckpointTexts } from "./checkpoint-audit.ts";
import type { BadEvent } from "./findings.ts";
import { MeaningAudit } from "./meaning-audit.ts";
import type { PruneFacts } from "./pruned.ts";
import { eachRow, type RowTaker, type Snapshot, snapshotOf } from "./walk-rows.ts";

export interface AuditInput {
  readonly evidence: Evidence;
  readonly checkpoints: CheckpointTexts;
  /** The record of a run that went on when it was taken. */
  readonly wasRunning?: boolean;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly onProgress: (progress: AuditProgress) => void;
}

/** How far an audit is. */
export interface AuditProgress {
  readonly stage: "events" | "blobs";
  readonly done: number;
  readonly total: number;
}

/** What an audit has found; what that means is for whoever asked (`verdict.ts`). */
export interface AuditReport {
  readonly run: string | null;
  readonly completed: boolean;
  readonly events: number;
  /** Of these, how many a trusted key or checkpoint vouches for. */
  readonly provenEvents: number;
  readonly eventsPerSecond: number;
  readonly blobBytes: number;
  /** Blobs that are gone, by the events that say so. */
  readonly pruned: readonly PruneFacts[];
  readonly firstBad: BadEvent | null;
  readonly checks: Readonly<Record<string, number>>;
  /** By check, the first event of which it said no. */
  readonly faults: Readonly<Record<string, BadEvent>>;
  /** The latest checkpoint beside the ledger. */
  readonly checkpoint: string | null;
}

/** Audits what lies in a run directory. */
export function auditEvidence(input: AuditInput): AuditReport {
  const { evidence, checkpoints, now, onProgress } = input;
  const startMs = now();
  const snapshot = snapshotOf(evidence);
  const bytes = new BytesAudit(evidence, checkpoints);
  const meaning = new MeaningAudit(evidence);
  const both: RowTaker = {
    take(global, row) {
      bytes.take(global, row);
      meaning.take(global, row);
    },
    wrong: (seq, reason) => bytes.wrong(seq, reason),
  };
  const { size } = snapshot.head;
  eachRow(evidence, snapshot, both, (done) => onProgress({ stage: "events", done, total: size }));
  meaning.end(snapshot, input.wasRunning);
  const followed = bytes.end(snapshot);
  return reportOf(meaning, followed, (now() - startMs) / 1_000, onProgress);
}

/** The same, while somebody else follows the bytes. */
export async function auditBeside(
  input: Omit<AuditInput, "checkpoints">,
  follow: (snapshot: Snapshot) => Promise<BytesReport>,
): Promise<AuditReport> {
  const { evidence, now, onProgress } = input;
  const startMs = now();
  const snapshot = snapshotOf(evidence);
  const following = follow(snapshot);
  following.catch(() => {}); // Awaited below.
  const meaning = new MeaningAudit(evidence);
  const { size } = snapshot.head;
  eachRow(evidence, snapshot, meaning, (done) =>
    onProgress({ stage: "events", done, total: size }),
  );
  meaning.end(snapshot, input.wasRunning);
  const followed = await following;
  return reportOf(meaning, followed, (now() - startMs) / 1_000, onProgress);
}

/** @param seconds that the events have taken */
function reportOf(
  meaning: MeaningAudit,
  { findings: followed, provenEvents, checkpoint }: BytesReport,
  seconds: number,
  onProgress: AuditInput["onProgress"],
): AuditReport {
  const { findings, book, events } = meaning;
  findings.merge(followed);
  const blobBytes = meaning.readBlobs((done, total) => onProgress({ stage: "blobs", done, total }));
  const { first, counts, byCheck } = findings;
  return {
    run: book.run?.run ?? null,
    completed: book.completed,
    events,
    provenEvents,
    eventsPerSecond: Math.round(events / Math.max(seconds, 1e-6)),
    blobBytes,
    pruned: meaning.prunes.facts,
    firstBad: first,
    // In the order of the report: first what everything else rests on.
    checks: { ...followed.counts, ...counts },
    faults: Object.fromEntries(byCheck),
    checkpoint,
  };
}
