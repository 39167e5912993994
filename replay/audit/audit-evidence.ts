// The audit itself: one pass over the events, then leases and blobs. It reads what lies there and
// trusts nothing; on a hostile LMDB file the reading may crash, so `audit-run.ts` runs this in a
// process of its own.
//
// 1. Every check is a small function over an event and the facts before it (`checks/`, `book.ts`).
// 2. All checks run to the end; the verdict names the earliest event of which one said no.
// 3. A run that is being written is audited as it was when the audit began.
import { beganWith, type EventEnvelope, type HashName } from "../../events/index.ts";
import { Chain, type Evidence, type Head } from "../../storage/index.ts";
import { blobNames } from "./blob-names.ts";
import { Book } from "./book.ts";
import { CheckpointAudit, type CheckpointTexts } from "./checkpoint-audit.ts";
import { checksByType, dataChecks, envelopeChecks } from "./checks/index.ts";
import { type BadEvent, Findings } from "./findings.ts";
import { IndexAudit } from "./index-rows.ts";
import { auditLeases } from "./leases.ts";
import { PruneAudit, type PruneFacts } from "./pruned.ts";
import { readData, readEnvelope } from "./read-events.ts";
import { walkRows } from "./walk-rows.ts";

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

const [chainCheck, eventCheck, blobCheck] = ["chain", "events", "blobs"];
/** Blobs between two tellings of progress. */
const blobsPerTelling = 16;

/** Audits what lies in a run directory. */
export function auditEvidence(input: AuditInput): AuditReport {
  return new Audit(input).run();
}

class Audit {
  readonly #input: AuditInput;
  readonly #findings = new Findings();
  readonly #book = new Book();
  readonly #chain = new Chain();
  readonly #checkpoints: CheckpointAudit;
  readonly #index: IndexAudit;
  readonly #byType = checksByType(dataChecks);
  /** The blobs that are named, each with the first event that does. */
  readonly #blobs = new Map<HashName, { readonly seq: number; readonly stream: string }>();
  readonly #prunes = new PruneAudit();
  #events = 0;
  /** The version that began the ledger, where it says so. */
  #varft: string | null = null;

  constructor(input: AuditInput) {
    this.#input = input;
    const findings = this.#findings;
    findings.declare(chainCheck);
    this.#checkpoints = new CheckpointAudit(input.checkpoints, findings);
    findings.declare(eventCheck);
    for (const { name } of [...envelopeChecks, ...dataChecks]) findings.declare(name);
    this.#index = new IndexAudit(input.evidence, findings);
  }

  run(): AuditReport {
    const { evidence, now } = this.#input;
    // In one turn, so that both are of one snapshot.
    const head = evidence.head();
    const sizes = evidence.tableSizes();
    const startMs = now();
    this.#walk(head);
    this.#index.end(sizes);
    this.#checkpoints.end(this.#events, this.#book.run?.run ?? null);
    const isStill = evidence.head().size === head.size;
    if (isStill && evidence.rows(head.size + 1).length > 0) {
      const reason = `there are events beyond the head, which says ${head.size}`;
      this.#findings.add(chainCheck, head.size + 1, null, reason);
    }
    const isWhole = isStill && this.#input.wasRunning !== true;
    auditLeases(evidence.leases(), this.#book, this.#findings, isWhole);
    const seconds = (now() - startMs) / 1_000;
    const blobBytes = this.#readBlobs();
    return this.#report(seconds, blobBytes);
  }

  #report(seconds: number, blobBytes: number): AuditReport {
    const { run, completed } = this.#book;
    const { first, counts, byCheck } = this.#findings;
    return {
      run: run?.run ?? null,
      completed,
      events: this.#events,
      provenEvents: this.#checkpoints.provenEvents,
      eventsPerSecond: Math.round(this.#events / Math.max(seconds, 1e-6)),
      blobBytes,
      pruned: this.#prunes.facts,
      firstBad: first,
      checks: counts,
      faults: Object.fromEntries(byCheck),
      checkpoint: this.#checkpoints.lastNote,
    };
  }

  /** All events up to the head, in pages. */
  #walk(head: Head): void {
    const { evidence, onProgress } = this.#input;
    const tell = (seq: number, reason: string): void =>
      this.#findings.add(chainCheck, seq, null, reason);
    for (const page of walkRows(evidence, head.size, tell)) {
      for (const { global, bytes } of page) this.#take(global, bytes);
      onProgress({ stage: "events", done: this.#events, total: head.size });
    }
    this.#compareHead(head);
  }

  #take(global: number, bytes: Uint8Array): void {
    this.#events += 1;
    this.#chain.add(bytes);
    this.#findings.count(chainCheck);
    if (this.#checkpoints.nextSize === global) {
      this.#checkpoints.take(global, Buffer.from(this.#chain.hash).toString("hex"));
    }
    const envelope = readEnvelope(bytes);
    this.#findings.count(eventCheck);
    if (typeof envelope === "string") {
      this.#findings.add(eventCheck, global, null, envelope);
      return;
    }
    this.#checkEnvelope(global, envelope);
    this.#checkData(global, envelope);
  }

  #checkEnvelope(global: number, envelope: EventEnvelope): void {
    const { stream } = envelope;
    const facts = this.#book.streamOf(stream);
    for (const check of envelopeChecks) {
      this.#note(check.name, global, stream, check.fault(envelope, facts, this.#book));
    }
    this.#index.take(global, envelope);
    this.#book.noteEnvelope(envelope, facts);
  }

  #checkData(global: number, envelope: EventEnvelope): void {
    const { stream } = envelope;
    if (global === 1) this.#varft = beganWith(envelope);
    const event = readData(envelope, this.#varft);
    if (typeof event === "string") {
      this.#findings.add(eventCheck, global, stream, event);
      return;
    }
    for (const check of this.#byType.get(event.type) ?? []) {
      this.#note(check.name, global, stream, check.fault(event, this.#book));
    }
    const stored = blobNames(event, this.#book);
    this.#prunes.note(global, event, stored);
    for (const name of stored) {
      if (!this.#blobs.has(name)) this.#blobs.set(name, { seq: global, stream });
    }
    this.#book.note(event);
  }

  #note(check: string, seq: number, stream: string, fault: string | null | undefined): void {
    if (fault === undefined) return;
    this.#findings.count(check);
    if (fault !== null) this.#findings.add(check, seq, stream, fault);
  }

  #compareHead({ size, hash }: Head): void {
    const found = Buffer.from(this.#chain.hash).toString("hex");
    if (found === hash) return;
    const from = this.#checkpoints.lastGood + 1;
    const says = `they give ${found}, the head says ${hash}`;
    if (from > size) this.#findings.addWhole(chainCheck, `all events were signed, and ${says}`);
    else {
      const events = from < size ? `one of the events ${from} to ${size}` : `event ${size}`;
      this.#findings.add(chainCheck, from, null, `${events} was changed: ${says}`, size);
    }
  }

  #readBlobs(): number {
    const { evidence, onProgress } = this.#input;
    const findings = this.#findings;
    findings.declare(blobCheck);
    let bytes = 0;
    const onBytes = (read: number): void => {
      bytes += read;
    };
    for (const [index, [name, { seq, stream }]] of [...this.#blobs].entries()) {
      if (index % blobsPerTelling === 0) {
        onProgress({ stage: "blobs", done: index, total: this.#blobs.size });
      }
      findings.count(blobCheck);
      if (!evidence.hasBlob(name) && this.#prunes.excuses(name)) continue;
      const fault = evidence.blobFault(name, onBytes);
      if (fault !== null) findings.add(blobCheck, seq, stream, `${name}: ${fault}`);
    }
    return bytes;
  }
}
