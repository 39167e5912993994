// What the auditor and its child say to each other, one JSON document a line.
import { z } from "zod";
import type { AuditProgress, AuditReport } from "./audit-evidence.ts";

/** What the child is asked, on its standard input. */
export interface AuditRequest {
  readonly directory: string;
  readonly trustedKey: string | null;
  readonly trustedNotes: string | null;
  /** The record of a run that went on: who holds a lease may have registered since. */
  readonly wasRunning: boolean;
  /** With so many events, a second thread is worth its start. */
  readonly twoThreadsEventsMin: number;
}

/** What it answers. The last line holds a report or a failure. */
export type ChildLine =
  /** The first one: whatever is slow from here on is slow because of the files. */
  | { readonly begins: true }
  /** The ledger is open, and the blobs are opened next; then, that they are open as well. */
  | { readonly opening: "blobs" | null }
  | { readonly progress: AuditProgress }
  | { readonly report: AuditReport }
  | { readonly failure: string };

const count = z.int().nonnegative();
const badEvent = z.strictObject({
  seq: count,
  stream: z.string().nullable(),
  reason: z.string(),
});
const report: z.ZodType<AuditReport> = z.strictObject({
  run: z.string().nullable(),
  completed: z.boolean(),
  events: count,
  provenEvents: count,
  eventsPerSecond: count,
  blobBytes: count,
  pruned: z.array(z.strictObject({ seq: count, rule: z.string(), blobs: count })),
  firstBad: badEvent.nullable(),
  checks: z.record(z.string(), count),
  faults: z.record(z.string(), badEvent),
  checkpoint: z.string().nullable(),
});
const progress = z.strictObject({ stage: z.enum(["events", "blobs"]), done: count, total: count });
const line = z.union([
  z.strictObject({ begins: z.literal(true) }),
  z.strictObject({ opening: z.literal("blobs").nullable() }),
  z.strictObject({ progress }),
  z.strictObject({ report }),
  z.strictObject({ failure: z.string() }),
]);

/** The line of a child, or null for what is none. */
export function readLine(text: string): ChildLine | null {
  try {
    return line.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
