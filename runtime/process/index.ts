export type { Leash } from "./leash.ts";
export { holdLeash, leashExitCode, leashGraceMs } from "./leash.ts";
export type { Membership } from "./membership.ts";
export { joinRegistry } from "./membership.ts";
export type { NumericClassOptions } from "./numeric-class.ts";
export { classOfRole, differenceOf, instructionSetOf, numericClassOf } from "./numeric-class.ts";
export type { Registry, RegistryOptions, WorkerEntry } from "./registry.ts";
export { listWorkers, serveRegistry, workerGoneMs, workersMax } from "./registry.ts";
export type { Supervised, SupervisorOptions, WorkerChange } from "./supervisor.ts";
export { CrashLoopError, deathsMax, intensityWindowMs, supervise } from "./supervisor.ts";
export type { RegistryAddress, WorkerInfo } from "./worker-info.ts";
export {
  heartbeatMs,
  WorkerRefusedError,
  WorkerReplacedError,
  workerAddress,
} from "./worker-info.ts";
export type { Death, WorkerOptions, WorkerProcess } from "./worker-process.ts";
export { describeDeath, lastLinesMax, SpawnError, spawnWorker } from "./worker-process.ts";
