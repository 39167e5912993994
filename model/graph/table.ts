// The operation table: every operation that a graph may hold.
import { compositeRules } from "./composite.ts";
import { sizeRules } from "./constants.ts";
import { elementwiseRules } from "./elementwise.ts";
import { linearRules } from "./linear.ts";
import type { RuleTable } from "./rule.ts";
import { selectionRules } from "./selection.ts";
import { structureRules } from "./structure.ts";

/** Rules by operation name. Leaves (input, constant, initializer) and control flow have none. */
export const operationTable: RuleTable = {
  ...sizeRules,
  ...structureRules,
  ...elementwiseRules,
  ...linearRules,
  ...compositeRules,
  ...selectionRules,
};
