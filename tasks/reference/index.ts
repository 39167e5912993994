// What Visual-ARFT's own code does, where it differs from ours.
export type { ReferenceStep, Similarity } from "./rewards.ts";
export { referenceAccuracy, referenceFormat } from "./rewards.ts";
