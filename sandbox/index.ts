// The tools' world: programs in containers, and search. Results are recorded by the callers.
export {
  type ContainerLimits,
  type DockerSandboxOptions,
  defaultContainerLimits,
  defaultPoolSize,
  defaultSocket,
  openDockerSandbox,
} from "./docker/index.ts";
export type { DoctorCheck, DoctorOptions } from "./doctor.ts";
export { doctorChecks } from "./doctor.ts";
export {
  CorpusError,
  EngineUnreachableError,
  SandboxCancelledError,
  SandboxImageMissingError,
  SandboxRequestError,
  SandboxUnavailableError,
} from "./errors.ts";
export { sandboxImageTag } from "./image.ts";
export { openUnsafeLocalSandbox, type UnsafeLocalSandboxOptions } from "./local.ts";
export { programWords } from "./program-words.ts";
export type { RunnerPool } from "./runner/index.ts";
export { createBm25Search, readCorpus, type Search, type SearchHit } from "./search/index.ts";
export type {
  ExecutionCause,
  ExecutionRequest,
  ExecutionResult,
  Limits,
  Sandbox,
} from "./types.ts";
export { defaultLimits, executionCauses, programBytesMax } from "./types.ts";
