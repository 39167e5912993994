// Retention: which large blobs of a run may go, which have gone, and by what rule.
export { choosePruning, type Pruning, recordPruning } from "./prune.ts";
export { PrunedBlobs, prunedWords, readPruned } from "./pruned.ts";
export { KeepRuleError, type KeepRules, parseKeepRules } from "./rules.ts";
export { RetentionFold } from "./select.ts";
