// Settings of AdamW in which every part of a step shows.
export const adamSettings = {
  learningRate: 0.003,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  weightDecay: 0.05,
  gradientNormMax: 1,
};
