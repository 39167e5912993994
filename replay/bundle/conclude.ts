// What a verification comes to: the audit's verdict, what the bundle claims and what a replay
// found, in one. Pure.
import type { BundleError } from "../../storage/index.ts";
import type { AuditVerdict, BadEvent } from "../audit/index.ts";
import type { ReplayVerdict } from "../fold/index.ts";
import { claimsCompared } from "./claims.ts";

const [bundleCheck, adapterCheck, replayCheck] = ["bundle", "adapter", "replay"];

/** What was found, in the order in which it was looked at; null: not looked at. */
export interface Verified {
  readonly audit: AuditVerdict;
  /** What the bundle says wrongly of itself. */
  readonly claim: string | null;
  /** What is wrong with the adapter of so many files; null: it holds none. */
  readonly adapter: { readonly files: number; readonly fault: string | null } | null;
  readonly replay: ReplayVerdict | null;
}

/** One verdict, in the shape of an audit's. */
export function verifiedVerdict({ audit, claim, adapter, replay }: Verified): AuditVerdict {
  const faults: Record<string, BadEvent> = { ...audit.faults };
  if (claim !== null) faults[bundleCheck] = ofWhole(`${bundleCheck}: ${claim}`);
  const fault = adapter?.fault ?? null;
  if (fault !== null) faults[adapterCheck] = ofWhole(`${adapterCheck}: ${fault}`);
  const held = adapter && { [adapterCheck]: adapter.files };
  const checks = { ...audit.checks, [bundleCheck]: claimsCompared, ...held };
  if (replay === null) return withFaults(audit, checks, faults);
  const counts = Object.values(replay.comparisons).map(({ compared }) => compared);
  const compared = counts.reduce((sum, count) => sum + count, 0);
  const at = replay.differsAt;
  if (at !== null) {
    const { seq, stream, kind, reason } = at;
    faults[replayCheck] = { seq, stream, reason: `${replayCheck}: ${kind}: ${reason}` };
  }
  return withFaults(audit, { ...checks, [replayCheck]: compared }, faults);
}

/** The verdict on a file that could not be read as a bundle. */
export function unreadableVerdict(error: BundleError): AuditVerdict {
  const bad = ofWhole(`${bundleCheck}: ${error.message}`);
  return {
    ok: false,
    origin: "unproven",
    run: null,
    events: 0,
    provenEvents: 0,
    eventsPerSecond: 0,
    blobBytes: 0,
    pruned: [],
    firstBad: bad,
    checks: { [bundleCheck]: 1 },
    faults: { [bundleCheck]: bad },
  };
}

function withFaults(
  audit: AuditVerdict,
  checks: AuditVerdict["checks"],
  faults: Readonly<Record<string, BadEvent>>,
): AuditVerdict {
  const firstBad =
    audit.firstBad ?? faults[bundleCheck] ?? faults[adapterCheck] ?? faults[replayCheck] ?? null;
  const isGood = firstBad === null;
  return {
    ...audit,
    ok: audit.ok && isGood,
    origin: isGood ? audit.origin : "unproven",
    firstBad,
    checks,
    faults,
  };
}

/** Of no event in particular. */
function ofWhole(reason: string): BadEvent {
  return { seq: 0, stream: null, reason };
}
