// The engine: runs the graphs of a policy with onnxruntime.
export { DeviceError, missingCudaFiles } from "./device-error.ts";
export type { GenerateOptions, GenerateRow, Turn } from "./generate.ts";
export type { ImageInput } from "./images.ts";
export type { Gradient, LearnBatch, LearnRow, LossInputs, TokenScores } from "./learn.ts";
export { PlacementError } from "./node-places.ts";
export { openPolicy } from "./open-policy.ts";
export type { SamplingSettings } from "./parts.ts";
export type { Policy, PolicyOptions } from "./policy.ts";
export type { Sequence } from "./sequences.ts";
export type { PolicySource } from "./source.ts";
export { isMappedBySize } from "./source.ts";
export type { TurnPiece } from "./stream.ts";
export type { Role } from "./threads.ts";
