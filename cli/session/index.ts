// The wiring of a run: what stands between the commands and the actors.

export { Closers } from "./closers.ts";
export { openRecomputation } from "./open-recomputation.ts";
export { openRejudging } from "./open-rejudging.ts";
export { openSession } from "./open-session.ts";
export { openTasks } from "./parts.ts";
export {
  askHead,
  type RunProcesses,
  recordedProcesses,
  type SandboxView,
  type WorkerView,
} from "./processes.ts";
export { runWorker } from "./run-worker.ts";
export type {
  Beginning,
  OpenSession,
  RunWorker,
  Session,
  SessionOptions,
  WarmUp,
  WarmupProgress,
  WorkerOptions,
} from "./types.ts";
export { warmUp } from "./warm-up.ts";
