// Qwen2.5-VL as graphs.
export { maskedScore } from "./attention.ts";
export { generateOutputs } from "./generate.ts";
export { gradientName, learnOutputs, tokenInputs } from "./learn.ts";
export type { Parameter, ParameterKind, TensorMap, Tuning } from "./parameters.ts";
export {
  adapterNames,
  initialAdapters,
  initialTensors,
  inModelOrder,
  isLinear,
  isVisionName,
  modelParameters,
  sizeOfShape,
  trainableParameters,
  tunedParameters,
} from "./parameters.ts";
export { afterName, resumableOutputs, turnStateName } from "./resume.ts";
export type { SegmentedGraph, StagePlan, StateKind } from "./segments.ts";
export { segmentedOutputs, stateGradientName, stateName } from "./segments.ts";
export type { StepGraph } from "./steps.ts";
export { stepOutputs } from "./steps.ts";
export { visionTokens } from "./vision.ts";
export type { FrozenTensor, FrozenTensors } from "./weights.ts";
export { Weights } from "./weights.ts";
