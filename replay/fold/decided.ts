// A decision, asked for again: the events that it gives now beside those that it gave then.
import type { EventEnvelope } from "../../events/index.ts";
import type { Decision } from "../../runtime/index.ts";
import type { ComparisonKind, Findings } from "./findings.ts";
import { unequal } from "./unequal.ts";

/** Compares what a command recorded with what `decision` says, event by event. */
export function compareDecision(
  findings: Findings,
  kind: ComparisonKind,
  recorded: readonly EventEnvelope[],
  decision: Decision,
): void {
  const [first] = recorded;
  if (first === undefined) return;
  if ("duplicate" in decision) {
    findings.compare(kind, first, "is decided a second time: nothing was left to decide");
    return;
  }
  if ("rejection" in decision) {
    findings.compare(kind, first, decision.rejection);
    return;
  }
  for (const [index, event] of recorded.entries()) {
    const derived = decision.events[index];
    findings.compare(kind, event, derived === undefined ? extra(event) : differs(event, derived));
  }
  const missing = decision.events[recorded.length];
  const last = recorded.at(-1) ?? first;
  if (missing !== undefined) findings.compare(kind, last, `must be followed by ${missing.type}`);
}

const extra = ({ type }: EventEnvelope): string => `${type} does not follow from what was before`;

function differs(
  recorded: EventEnvelope,
  derived: { readonly type: string; readonly data: unknown },
): string | null {
  if (recorded.type !== derived.type) return `is ${recorded.type}, decided is ${derived.type}`;
  const reason = unequal(recorded.data, derived.data);
  return reason === null ? null : `${recorded.type}: ${reason}`;
}
