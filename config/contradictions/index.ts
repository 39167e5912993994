// The configuration of a run as it is accepted: its sections, without what cannot stand together.
import { runSections } from "../run-schema.ts";
import { algorithmContradictions } from "./algorithm.ts";
import { deviceContradictions } from "./device.ts";
import { engineContradictions } from "./engine.ts";
import { policyContradictions } from "./policy.ts";
import { rewardContradictions } from "./reward.ts";
import { runContradictions } from "./run.ts";
import { taskContradictions } from "./tasks.ts";

/** What `varft train` reads, and what a run records. */
export const runSchema = runSections.check(({ value, issues }) => {
  const found = [
    ...runContradictions(value),
    ...algorithmContradictions(value),
    ...engineContradictions(value),
    ...policyContradictions(value),
    ...deviceContradictions(value),
    ...taskContradictions(value),
    ...rewardContradictions(value),
  ];
  for (const [path, message] of found) {
    issues.push({ code: "custom", path: [...path], message, input: value });
  }
});
