// What Visual-ARFT's own code does, where it differs from ours.
export { labelsIn, parseReferenceAction } from "./actions.ts";
export { withCropOracle, withOracleBox } from "./crop-oracle.ts";
export { referenceEnvironment } from "./environment.ts";
export type { ReferenceStep, Similarity } from "./rewards.ts";
export { labelReward, referenceAccuracy, referenceFormat } from "./rewards.ts";
