// Where a policy of elsewhere has no place.
import type { RunConfig } from "../run-schema.ts";
import type { Fault } from "./fault.ts";

/** A policy that the run itself did not make is there to be evaluated. */
export function policyContradictions({ policy, run }: RunConfig): Fault[] {
  if (policy === undefined || run.steps === 0) return [];
  return [[["policy"], "is for evaluations: a run begins with its checkpoint, or has no steps"]];
}
