// The half of an audit that reads: in a process of its own, which a hostile file may take down.
// Lines of JSON go out; whoever started it believes none of them without a check.
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ensureError } from "../../events/index.ts";
import {
  checkpointKeysFile,
  checkpointsFile,
  type Evidence,
  openEvidence,
} from "../../storage/index.ts";
import {
  type AuditProgress,
  type AuditReport,
  auditBeside,
  auditEvidence,
} from "./audit-evidence.ts";
import type { AuditRequest, ChildLine } from "./protocol.ts";
import { followBeside } from "./two-threads.ts";

const [standardInput, standardOutput] = [0, 1];

/** Reads one request, audits, tells, and ends. */
export async function auditAsChild(): Promise<void> {
  const request = JSON.parse(readFileSync(standardInput, "utf8")) as AuditRequest;
  tell({ begins: true });
  try {
    const evidence = await openEvidence(request.directory, () => tell({ opening: "blobs" }));
    tell({ opening: null });
    const report = await audit(evidence, request);
    tell({ report });
    await evidence.close();
  } catch (thrown) {
    tell({ failure: ensureError(thrown).message });
  }
}

async function audit(evidence: Evidence, request: AuditRequest): Promise<AuditReport> {
  const { directory, trustedKey, trustedNotes, wasRunning, twoThreadsEventsMin } = request;
  const checkpoints = {
    notes: textOf(join(directory, checkpointsFile)),
    keys: textOf(join(directory, checkpointKeysFile)),
    trustedKey,
    trustedNotes,
  };
  const now = (): number => performance.now();
  const onProgress = (progress: AuditProgress): void => tell({ progress });
  const input = { evidence, checkpoints, wasRunning, now, onProgress };
  if (evidence.head().size < twoThreadsEventsMin) return auditEvidence(input);
  return auditBeside(input, (snapshot) => followBeside({ directory, snapshot, checkpoints }));
}

// Written at once and not queued: what was told before a crash is then outside.
function tell(line: ChildLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let from = 0; from < bytes.length; ) {
    try {
      from += writeSync(standardOutput, bytes, from);
    } catch (thrown) {
      // A full pipe: the reader is slow, or has gone and then ends this process.
      const isFull = thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN";
      if (!isFull) throw thrown;
    }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return "";
    throw thrown;
  }
}
