// The half of an audit that follows the bytes: chain, checkpoints, ids and index. What it finds
// depends on nothing that events say, so it may go on beside the other half (`meaning-audit.ts`),
// in a thread of its own.
import { Chain, type Evidence, type Head } from "../../storage/index.ts";
import { CheckpointAudit, type CheckpointTexts } from "./checkpoint-audit.ts";
import { Findings, type FindingsRecord } from "./findings.ts";
import { IdAudit } from "./ids.ts";
import { IndexAudit } from "./index-rows.ts";
import { readFrame } from "./read-events.ts";
import { eachRow, type Snapshot } from "./walk-rows.ts";

const chainCheck = "chain";

/** What following the bytes came to. */
export interface BytesReport {
  readonly findings: FindingsRecord;
  /** How many events a trusted key or checkpoint vouches for. */
  readonly provenEvents: number;
  /** The latest checkpoint beside the ledger. */
  readonly checkpoint: string | null;
}

/** Follows the bytes of a ledger as it was when the audit began. */
export function followBytes(
  evidence: Evidence,
  snapshot: Snapshot,
  checkpoints: CheckpointTexts,
): BytesReport {
  const bytes = new BytesAudit(evidence, checkpoints);
  eachRow(evidence, snapshot, bytes, () => {});
  return bytes.end(snapshot);
}

export class BytesAudit {
  readonly #evidence: Evidence;
  readonly #findings = new Findings();
  readonly #chain = new Chain();
  readonly #checkpoints: CheckpointAudit;
  readonly #ids: IdAudit;
  readonly #index: IndexAudit;
  #events = 0;
  /** The run whose stream comes first. */
  #run: string | null = null;

  constructor(evidence: Evidence, checkpoints: CheckpointTexts) {
    this.#evidence = evidence;
    const findings = this.#findings;
    findings.declare(chainCheck);
    this.#checkpoints = new CheckpointAudit(checkpoints, findings);
    this.#ids = new IdAudit(findings);
    this.#index = new IndexAudit(evidence, findings);
  }

  /** The walk over the rows has found that one is missing, or in the wrong place. */
  wrong(seq: number, reason: string): void {
    this.#findings.add(chainCheck, seq, null, reason);
  }

  take(global: number, bytes: Uint8Array): void {
    this.#events += 1;
    this.#chain.add(bytes);
    this.#findings.count(chainCheck);
    const frame = readFrame(bytes);
    const [kind, run = null] = frame?.stream.split("/", 2) ?? [];
    if (kind === "run") this.#run ??= run;
    if (this.#checkpoints.nextSize === global) {
      const hash = Buffer.from(this.#chain.hash).toString("hex");
      this.#checkpoints.take(global, hash, this.#run);
    }
    // What is no event is told by the other half.
    if (frame === null) return;
    this.#ids.take(global, frame);
    this.#index.take(global, frame);
  }

  /** After the last event. */
  end({ head, sizes }: Snapshot): BytesReport {
    const evidence = this.#evidence;
    this.#compareHead(head);
    this.#index.end(sizes);
    this.#checkpoints.end(this.#events, this.#run);
    const isStill = evidence.head().size === head.size;
    if (isStill && evidence.rows(head.size + 1).length > 0) {
      const reason = `there are events beyond the head, which says ${head.size}`;
      this.#findings.add(chainCheck, head.size + 1, null, reason);
    }
    const { provenEvents, lastNote } = this.#checkpoints;
    return { findings: this.#findings.record, provenEvents, checkpoint: lastNote };
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
}
