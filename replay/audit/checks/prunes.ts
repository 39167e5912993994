// What was pruned could go: by the rule that the event names, and without harm to the run. Whoever
// takes a blob away and calls it pruned is found where no rule lets it go.
import { unpackHashes } from "../../../events/index.ts";
import { KeepRuleError, type KeepRules, parseKeepRules } from "../../retention/index.ts";
import type { Check } from "../check.ts";

export const prunes: Check<"blobs.pruned"> = {
  name: "prunes",
  about: "what was pruned is what its rule lets go and what the run does not need",
  types: ["blobs.pruned"],
  fault({ data: { rule, names } }, book) {
    const rules = rulesIn(rule);
    return typeof rules === "string" ? rules : book.retention.whyKept(unpackHashes(names), rules);
  },
};

function rulesIn(rule: string): KeepRules | string {
  try {
    return parseKeepRules(rule.split(" "));
  } catch (thrown) {
    if (thrown instanceof KeepRuleError) return `its rule is none: ${thrown.message}`;
    throw thrown;
  }
}
