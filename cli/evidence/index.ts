// What the commands share that take a run as evidence: what is proven with, and what is told.
export { atHome, type Home } from "./at-home.ts";
export { auditedWords, auditLines } from "./audit-view.ts";
export { bundleIdentity } from "./bundle-identity.ts";
export { bundledWords, manifestLines } from "./bundle-view.ts";
export { findPolicy, type RunPolicy } from "./find-policy.ts";
export { originOf, requireAdapters, writeRunAdapter } from "./policy-adapter.ts";
export { rejudgeLines } from "./rejudge-view.ts";
export { type ReplayTold, replayDocument, replayLines } from "./replay-view.ts";
export { withTemporaryFolder } from "./temporary-folder.ts";
export { type Trust, trustArgs, trustOf } from "./trust.ts";
export { type UnpackedRun, withUnpacked } from "./unpacking.ts";
