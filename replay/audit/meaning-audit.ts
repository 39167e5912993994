// The half of an audit that reads what events say: each is decoded, compared with its schema and
// held against the facts before it. The other half follows the bytes (`bytes-audit.ts`).
import { beganWith, type EventEnvelope, type HashName } from "../../events/index.ts";
import type { Evidence } from "../../storage/index.ts";
import { blobNames } from "./blob-names.ts";
import { Book } from "./book.ts";
import { checksByType, dataChecks, envelopeChecks } from "./checks/index.ts";
import { Findings } from "./findings.ts";
import { auditLeases } from "./leases.ts";
import { PruneAudit } from "./pruned.ts";
import { readData, readEnvelope } from "./read-events.ts";
import type { Snapshot } from "./walk-rows.ts";

const [eventCheck, blobCheck] = ["events", "blobs"];
/** Blobs between two tellings of progress. */
const blobsPerTelling = 16;

export class MeaningAudit {
  readonly findings = new Findings();
  readonly book = new Book();
  readonly prunes = new PruneAudit();
  readonly #evidence: Evidence;
  readonly #byType = checksByType(dataChecks);
  /** The blobs that are named, each with the first event that does. */
  readonly #blobs = new Map<HashName, { readonly seq: number; readonly stream: string }>();
  events = 0;
  /** The version that began the ledger, where it says so. */
  #varft: string | null = null;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.findings.declare(eventCheck);
    for (const { name } of [...envelopeChecks, ...dataChecks]) this.findings.declare(name);
  }

  take(global: number, bytes: Uint8Array): void {
    this.events += 1;
    const envelope = readEnvelope(bytes);
    this.findings.count(eventCheck);
    if (typeof envelope === "string") {
      this.findings.add(eventCheck, global, null, envelope);
      return;
    }
    this.#checkEnvelope(global, envelope);
    this.#checkData(global, envelope);
  }

  /** After the last event. @param wasRunning whoever holds a lease may have registered since */
  end({ head }: Snapshot, wasRunning = false): void {
    const isStill = !wasRunning && this.#evidence.head().size === head.size;
    auditLeases(this.#evidence.leases(), this.book, this.findings, isStill);
  }

  /** Reads the blobs that events have named; how many bytes they have. */
  readBlobs(onProgress: (done: number, total: number) => void): number {
    this.findings.declare(blobCheck);
    let bytes = 0;
    const onBytes = (read: number): void => {
      bytes += read;
    };
    for (const [index, [name, { seq, stream }]] of [...this.#blobs].entries()) {
      if (index % blobsPerTelling === 0) onProgress(index, this.#blobs.size);
      this.findings.count(blobCheck);
      if (!this.#evidence.hasBlob(name) && this.prunes.excuses(name)) continue;
      const fault = this.#evidence.blobFault(name, onBytes);
      if (fault !== null) this.findings.add(blobCheck, seq, stream, `${name}: ${fault}`);
    }
    return bytes;
  }

  #checkEnvelope(global: number, envelope: EventEnvelope): void {
    const { stream } = envelope;
    const facts = this.book.streamOf(stream);
    for (const check of envelopeChecks) {
      this.#note(check.name, global, stream, check.fault(envelope, facts, this.book));
    }
    this.book.noteEnvelope(envelope, facts);
  }

  #checkData(global: number, envelope: EventEnvelope): void {
    const { stream } = envelope;
    if (global === 1) this.#varft = beganWith(envelope);
    const event = readData(envelope, this.#varft);
    if (typeof event === "string") {
      this.findings.add(eventCheck, global, stream, event);
      return;
    }
    for (const check of this.#byType.get(event.type) ?? []) {
      this.#note(check.name, global, stream, check.fault(event, this.book));
    }
    const stored = blobNames(event, this.book);
    this.prunes.note(global, event, stored);
    for (const name of stored) {
      if (!this.#blobs.has(name)) this.#blobs.set(name, { seq: global, stream });
    }
    this.book.note(event);
  }

  #note(check: string, seq: number, stream: string, fault: string | null | undefined): void {
    if (fault === undefined) return;
    this.findings.count(check);
    if (fault !== null) this.findings.add(check, seq, stream, fault);
  }
}
