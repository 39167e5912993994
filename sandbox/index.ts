// The tools' world: programs in containers, and search. Results are recorded by the callers.
export {
  type ContainerLimits,
  type DockerSandboxOptions,
  defaultContainerLimits,
  defaultPoolSize,
  defaultSocket,
  type ImageFacts,
  imageFacts,
  openDockerSandbox,
} from "./docker/index.ts";
export type { DoctorCheck, DoctorOptions } from "./doctor.ts";
export { doctorChecks } from "./doctor.ts";
export {
  CorpusError,
  EngineUnreachableError,
  IndexError,
  SandboxCancelledError,
  SandboxImageMissingError,
  SandboxRequestError,
  SandboxUnavailableError,
} from "./errors.ts";
export { sandboxImageTag } from "./image.ts";
export { openUnsafeLocalSandbox, type UnsafeLocalSandboxOptions } from "./local.ts";
export { programWords } from "./program-words.ts";
export type { RunnerPool } from "./runner/index.ts";
export {
  type Clock,
  corpusHash,
  createBm25Search,
  createRetrieverSearch,
  createSerperSearch,
  normalizeQuery,
  openCorpusSearch,
  openStoredSearch,
  type Passage,
  QueryBudget,
  readCorpus,
  recordingSearch,
  replayingSearch,
  type Search,
  type SearchAnswer,
  SearchBudgetError,
  SearchBusyError,
  SearchGarbledError,
  type SearchHit,
  SearchKeyError,
  SearchMissError,
  SearchProtocolError,
  SearchRefusedError,
  SearchServer,
  SearchStore,
  SearchStoreError,
  SearchUnreachableError,
  type SerperOptions,
  type ServerAccess,
  type StoredSearchOptions,
  type StoreOptions,
} from "./search/index.ts";
export type {
  ExecutionCause,
  ExecutionRequest,
  ExecutionResult,
  IsolationLevel,
  Limits,
  PoolNotice,
  PoolState,
  Sandbox,
} from "./types.ts";
export { defaultLimits, executionCauses, isolationLevels, programBytesMax } from "./types.ts";
