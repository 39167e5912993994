// Rollout: plays trajectories with a policy.
export {
  type ChatServer,
  chatPolicyBytes,
  chatServer,
  openChatPolicy,
  showCodePoints,
} from "./chat/index.ts";
export type {
  PlayCommand,
  RolloutCommand,
  RolloutRules,
  ToolCommand,
  TrajectoryLimits,
  TurnCommand,
} from "./decide.ts";
export { decideRollout, policyMismatch } from "./decide.ts";
export type { RolloutWords } from "./effects.ts";
export { toolResult, turnResult } from "./effects.ts";
export {
  AdapterFolders,
  adapterName,
  engineName,
  engineSampler,
  ImageLinks,
  openServer,
  requireSamplersLogProbs,
  type ServerEngine,
  serverEngine,
  turnAsker,
} from "./engine/index.ts";
export { foldTrajectory } from "./fold-trajectory.ts";
export { encodeKept, type Kept, keptOf } from "./kept.ts";
export type { PendingCall, Segment, TrajectoryContext } from "./machine.ts";
export { trajectoryMachine } from "./machine.ts";
export { modelEncoder, turnText } from "./model-encoder.ts";
export { modelSampler } from "./model-sampler.ts";
export type {
  Action,
  EncodedText,
  Encoder,
  Environment,
  EnvironmentText,
  ParseAction,
  PolicySampler,
  SampledTurn,
  ToolAnswer,
  TurnRequest,
} from "./ports.ts";
export { playCommand, Rollout, type RolloutOptions, rowsActiveMax } from "./rollout.ts";
export { turnRequest } from "./turn-request.ts";
export {
  lingerMsDefault,
  type RolloutWorkerOptions,
  runRolloutWorker,
  trajectoryLimits,
} from "./worker.ts";
