// What a bundle says of itself, held against what its events say. Pure.
import { checkpointName } from "../../actors/index.ts";
import type { EventData } from "../../events/index.ts";
import { differenceOf } from "../../runtime/index.ts";
import type { BundleManifest, BundleTotals } from "../../storage/index.ts";
import type { AuditReport } from "../audit/index.ts";

/** What is compared. */
export interface BundleClaims {
  readonly manifest: BundleManifest;
  readonly totals: BundleTotals;
  readonly report: Pick<AuditReport, "run" | "completed" | "checks">;
  readonly started: EventData<"run.started"> | null;
}

/** How many things `claimFault` looks at. */
export const claimsCompared = 7;

/** The first claim that is wrong, or null. */
export function claimFault({ manifest, totals, report, started }: BundleClaims): string | null {
  const { run, events, state, numericClass, base, model } = manifest;
  if (run !== report.run) return `it says it is the run ${run}, the events are of ${report.run}`;
  if (started === null) return "no event tells how the run began";
  const named = report.checks["blobs"] ?? 0;
  const held = totals.blobs + totals.omitted;
  const difference = differenceOf(numericClass, started.numericClass);
  const claims: readonly (readonly [isTrue: boolean, fault: string])[] = [
    [totals.events === events, `it holds ${totals.events} events and says ${events}`],
    [(state === "completed") === report.completed, `it says that the run is ${state}`],
    [difference === null, `it says another numeric class: ${difference}`],
    [base === started.base, `it says the base ${base}, the run began with ${started.base}`],
    [
      model === null || checkpointName(model) === base,
      "its list of the model's files is not the base's",
    ],
    [named === held, `it holds ${held} blobs, the events name ${named}`],
  ];
  return claims.find(([isTrue]) => !isTrue)?.[1] ?? null;
}
