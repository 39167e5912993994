// Both ends of the auditor's second thread. It opens the files for itself and gets nothing but the
// state in which the ledger was; an error in it is one of the audit.
import { Worker } from "node:worker_threads";
import { openEvidence } from "../../storage/index.ts";
import { type BytesReport, followBytes } from "./bytes-audit.ts";
import type { CheckpointTexts } from "./checkpoint-audit.ts";
import type { Snapshot } from "./walk-rows.ts";

const thread = new URL("./bytes-thread.mjs", import.meta.url);

/** What the second thread is asked. */
export interface BytesTask {
  readonly directory: string;
  readonly snapshot: Snapshot;
  readonly checkpoints: CheckpointTexts;
}

/** Follows the bytes of a ledger in a thread of their own. */
export function followBeside(task: BytesTask): Promise<BytesReport> {
  const worker = new Worker(thread, { workerData: task });
  return new Promise((resolve, reject) => {
    worker.once("message", (report: BytesReport) => resolve(report));
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the second thread ended with code ${code}`)));
  });
}

/** The other end. */
export async function followInThread(task: BytesTask): Promise<BytesReport> {
  const evidence = await openEvidence(task.directory);
  try {
    return followBytes(evidence, task.snapshot, task.checkpoints);
  } finally {
    await evidence.close();
  }
}
