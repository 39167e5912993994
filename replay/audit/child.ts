// The half of an audit that reads: in a process of its own, which a hostile file may take down.
// Lines of JSON go out; whoever started it believes none of them without a check.
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ensureError } from "../../events/index.ts";
import { checkpointKeysFile, checkpointsFile, openEvidence } from "../../storage/index.ts";
import { auditEvidence } from "./audit-evidence.ts";
import type { AuditRequest, ChildLine } from "./protocol.ts";

const [standardInput, standardOutput] = [0, 1];

/** Reads one request, audits, tells, and ends. */
export async function auditAsChild(): Promise<void> {
  const request = JSON.parse(readFileSync(standardInput, "utf8")) as AuditRequest;
  try {
    const evidence = await openEvidence(request.directory);
    const report = auditEvidence({
      evidence,
      checkpoints: {
        notes: textOf(join(request.directory, checkpointsFile)),
        keys: textOf(join(request.directory, checkpointKeysFile)),
        trustedKey: request.trustedKey,
        trustedNotes: request.trustedNotes,
      },
      wasRunning: request.wasRunning ?? false,
      now: () => performance.now(),
      onProgress: (progress) => tell({ progress }),
    });
    tell({ report });
    await evidence.close();
  } catch (thrown) {
    tell({ failure: ensureError(thrown).message });
  }
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
