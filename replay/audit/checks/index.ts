// The checks, in the order of the report.
import type { EventType } from "../../../events/index.ts";
import type { Check } from "../check.ts";
import { advantages } from "./advantages.ts";
import { batches } from "./batches.ts";
import { plans } from "./plans.ts";
import { policies } from "./policies.ts";
import { prunes } from "./prunes.ts";
import { rewards } from "./rewards.ts";
import { tokens } from "./tokens.ts";
import { trajectories } from "./trajectories.ts";
import { updates } from "./updates.ts";

export { envelopeChecks } from "./envelopes.ts";

/** A check is asked only about events of its types: `types` says so and the auditor sees to it. */
export const dataChecks = [
  plans,
  policies,
  trajectories,
  tokens,
  rewards,
  batches,
  advantages,
  updates,
  prunes,
] as readonly Check[];

/** By type, the checks that look at it. */
export function checksByType(checks: readonly Check[]): ReadonlyMap<EventType, readonly Check[]> {
  const byType = new Map<EventType, Check[]>();
  for (const check of checks) {
    for (const type of check.types) byType.set(type, [...(byType.get(type) ?? []), check]);
  }
  return byType;
}
