// Diff: two runs beside each other.
export type { DiffSide, Parting, PartingEvent, RunDiff, SettingDifference } from "./diff.ts";
export { diffRuns } from "./diff.ts";
