export type { Leash } from "./leash.ts";
export { holdLeash, leashExitCode, leashGraceMs } from "./leash.ts";
export type { NumericClassOptions } from "./numeric-class.ts";
export { classOfRole, differenceOf, instructionSetOf, numericClassOf } from "./numeric-class.ts";
export type {
  Membership,
  Registry,
  RegistryAddress,
  RegistryOptions,
  WorkerEntry,
  WorkerInfo,
} from "./registry.ts";
export {
  heartbeatMs,
  joinRegistry,
  listWorkers,
  serveRegistry,
  WorkerRefusedError,
  WorkerReplacedError,
  workerAddress,
  workerGoneMs,
  workersMax,
} from "./registry.ts";
export type { Supervised, SupervisorOptions, WorkerChange } from "./supervisor.ts";
export { CrashLoopError, deathsMax, intensityWindowMs, supervise } from "./supervisor.ts";
export type { Death, WorkerOptions, WorkerProcess } from "./worker-process.ts";
export { describeDeath, lastLinesMax, SpawnError, spawnWorker } from "./worker-process.ts";
