// Recompute: tokens, log-probs and gradients of a run computed again.
export { type LearnAgainOptions, learnAgain, referencePolicy } from "./learn-again.ts";
export { type RecomputeParts, recomputation } from "./recompute.ts";
export { type Sample, sampleOf } from "./sample.ts";
export { figureTolerance, gradientTolerance, logProbTolerance } from "./tolerance.ts";
