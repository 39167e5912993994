// What a person may choose: the schemas of the TOML files, and how they are read.
export { groupsPlayed, policyLagMax } from "./algorithm-schema.ts";
export { continuationRun } from "./continuation-run.ts";
export { rolloutDevices } from "./device-schema.ts";
export { ConfigError, type ConfigPlace } from "./errors.ts";
export { type EvalFacts, evaluationRun, untouched } from "./eval-run.ts";
export type { EvalConfig, EvalSet } from "./eval-schema.ts";
export { publishedBenchmarks } from "./eval-schema.ts";
export { readGivenReward } from "./given-reward.ts";
export { nearest } from "./nearest.ts";
export {
  type ConfigSource,
  type Evaluated,
  type GivenReward,
  loadEvaluated,
  loadRunConfig,
  loadWarmupConfig,
  parseEvalConfig,
  parseRunConfig,
  parseWarmupConfig,
  restoreRewarded,
  restoreRunConfig,
} from "./read.ts";
export { type RewardComponentName, rewardNames } from "./reward-schema.ts";
export type { RunConfig } from "./run-schema.ts";
export { batchSettings, planSettings, scheduleSettings, trainingSampling } from "./settings.ts";
export { protocolOf, sourcesOf, type TaskSourceConfig } from "./tasks-schema.ts";
export type { WarmupConfig } from "./warmup-schema.ts";
