// What runs actors: the bus, the actor host, remote ledgers, worker processes.
export type {
  ActorCommand,
  ActorCore,
  ActorDefinition,
  Decision,
  EffectCall,
  EffectContext,
  EffectHandler,
  EffectResult,
  Effects,
} from "./actor.ts";
export { defineActor } from "./actor.ts";
export { backoffMs, sleep } from "./backoff.ts";
export type {
  Address,
  Bus,
  BusPlace,
  DefectHandler,
  MemoryBrokerOptions,
  NatsBusOptions,
  NatsServer,
  NatsServerOptions,
  RequestContext,
  RequestOptions,
  Schedule,
  Subscription,
} from "./bus/index.ts";
export {
  BusBusyError,
  BusClosedError,
  BusConnectError,
  BusProtocolError,
  BusTimeoutError,
  BusUnansweredError,
  busPatienceMs,
  connectNats,
  MemoryBroker,
  NatsPortInUseError,
  NatsServerError,
  NatsServerMissingError,
  readBusFile,
  requestAttemptsMax,
  requestTimeoutMs,
  SubjectError,
  servingMax,
  startNatsServer,
  subjectMatches,
  subjectOf,
  throwDefect,
} from "./bus/index.ts";
export type { Gpu, GpuFacts } from "./devices/index.ts";
export { acceleratorOf, GpuQueryError, gpuFacts, nvidiaGpus, parseGpus } from "./devices/index.ts";
export { effectAttemptsMax } from "./effect-runner.ts";
export {
  ActorParkedError,
  HostClosedError,
  isOutOfReach,
  LedgerAwayError,
  MailboxFullError,
} from "./errors.ts";
export type { EffectRequest, FoldStep, MachineEvent, MachineInput } from "./fold.ts";
export { accepts, foldEvent, foldStream, initialState } from "./fold.ts";
export { ActorHost, appendAttemptsMax, decisionsMax, mailboxMax } from "./host.ts";
export type { HostAppend, HostLedger, HostPart } from "./host-ledger.ts";
export type { HostFault, HostOptions, Outcome, StreamCommand } from "./host-options.ts";
export type {
  Death,
  Leash,
  Membership,
  NumericClassOptions,
  Registry,
  RegistryAddress,
  RegistryOptions,
  Supervised,
  SupervisorOptions,
  WorkerChange,
  WorkerEntry,
  WorkerInfo,
  WorkerOptions,
  WorkerProcess,
} from "./process/index.ts";
export {
  CrashLoopError,
  classOfRole,
  deathsMax,
  describeDeath,
  differenceOf,
  heartbeatMs,
  holdLeash,
  instructionSetOf,
  intensityWindowMs,
  joinRegistry,
  lastLinesMax,
  leashExitCode,
  leashGraceMs,
  listWorkers,
  numericClassOf,
  SpawnError,
  serveRegistry,
  spawnWorker,
  supervise,
  WorkerRefusedError,
  WorkerReplacedError,
  workerAddress,
  workerGoneMs,
  workersMax,
} from "./process/index.ts";
export type { LedgerAddress, RemoteLedgerOptions } from "./remote/index.ts";
export {
  announceCheckpoints,
  announceCommits,
  blobCacheBytesMax,
  checkpointsSubject,
  commitsSubject,
  connectLedger,
  followLedger,
  pieceBytesMax,
  serveLedger,
} from "./remote/index.ts";
export type { RemoteOutcome } from "./serve-actor.ts";
export { serveActor, tellActor } from "./serve-actor.ts";
