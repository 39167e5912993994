// The vocabulary: what every room may speak of. Nothing here does I/O.
export type { CodecErrorCode } from "./codec.ts";
export { CodecError, decode, encode, eventBytesMax, requestBytesMax } from "./codec.ts";
export { beganWith, currentEvent, EventVersionError } from "./current.ts";
export type { Device } from "./device.ts";
export { cpuDevice, DeviceNameError, deviceName, parseDevice } from "./device.ts";
export type { EventEnvelope, NewEvent, StepName, TrajectoryName } from "./envelope.ts";
export {
  decodeEnvelope,
  decodeFrame,
  effectCommandId,
  encodeEnvelope,
  encodeEnvelopeShared,
  eventId,
  groupLease,
  isName,
  isOperational,
  leaseOf,
  parseTrajectory,
  streams,
} from "./envelope.ts";
export type { EnvelopeFrame } from "./envelope-frame.ts";
export type { ErrorPolicy } from "./errors.ts";
export {
  AssertionError,
  assert,
  CancelledError,
  ensureError,
  RetryableError,
  TerminalError,
  VarftError,
} from "./errors.ts";
export type { HashName } from "./hash.ts";
export {
  hashName,
  hashNamesIn,
  isHashName,
  packHashes,
  sha256Bytes,
  sha256Hex,
  unpackHashes,
} from "./hash.ts";
export type { AfterStep, BeforeTurn } from "./parent.ts";
export { afterStep, anchorOf, beforeTurn, namedBlobs, stepsBefore } from "./parent.ts";
export type { Parent } from "./parent-schema.ts";
export { philox4x32, RandomStream } from "./philox.ts";
export { encodePng } from "./png.ts";
export type {
  EvaluationSummary,
  EventData,
  EventType,
  NumericClass,
  RewardComponent,
  Sampling,
  Task,
  TypedEvent,
} from "./schemas.ts";
export { EventSchemaError, event, eventSchemas, parseEventData } from "./schemas.ts";
export { currentVersion, upcasters } from "./upcasters.ts";
