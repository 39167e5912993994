// The policy as the actors use it: the model room behind their ports.
export { chatEncoder } from "./chat-encoder.ts";
export type { InitialPolicy, LearnerPolicy, RolloutPolicy } from "./open.ts";
export { initialPolicy, openLearnerPolicy, openRolloutPolicy, tuningOf } from "./open.ts";
export type { Picture, ReadBlob } from "./pictures.ts";
export { Pictures } from "./pictures.ts";
export type { SamplerOptions } from "./sampler.ts";
export { policySampler } from "./sampler.ts";
export {
  decodeAdamState,
  decodeTensors,
  encodeAdamState,
  encodeTensors,
} from "./tensor-bytes.ts";
export type { TrainerOptions } from "./trainer.ts";
export { adamOptimizer, policyTrainer } from "./trainer.ts";
export type { Vocabulary } from "./vocabulary.ts";
export { vocabularyOf } from "./vocabulary.ts";
