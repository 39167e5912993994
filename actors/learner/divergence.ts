// Estimates of the KL divergence between the policy and a reference, from the log-probs of tokens
// that the policy sampled (Schulman, "Approximating KL Divergence", 2020,
// http://joschu.net/blog/kl-approx.html). With x = ln π_reference − ln π:

/**
 * k1(x) = −x: unbiased, of either sign. Subtracted from the reward it gives the gradient of the KL
 * divergence; as a loss it would give none in expectation.
 */
export function k1(logRatio: number): number {
  return -logRatio;
}

/**
 * k2(x) = x² / 2: as a loss its gradient, −x ∇ ln π, is on-policy that of the KL divergence (Tang
 * and Munos, "On a few pitfalls in KL divergence gradient estimation for RL", arXiv 2506.09477).
 */
export function k2(logRatio: number): number {
  return (logRatio * logRatio) / 2;
}

/** The derivative of k2 with respect to ln π. */
export function k2Slope(logRatio: number): number {
  return -logRatio;
}

/**
 * k3(x) = eˣ − x − 1: unbiased and never negative. GRPO has it in the loss (arXiv 2402.03300, eq.
 * 4), where its gradient, (1 − eˣ) ∇ ln π, is biased.
 */
export function k3(logRatio: number): number {
  return Math.exp(logRatio) - logRatio - 1;
}

/** The derivative of k3 with respect to ln π. */
export function k3Slope(logRatio: number): number {
  return 1 - Math.exp(logRatio);
}

/** The KL term: none, an estimator in the loss, or k1 in the reward. */
export type KlRule =
  | { readonly type: "none" }
  | { readonly type: "k3" | "k2" | "k1-reward"; readonly coefficient: number };

/** β where the term stands in the loss, else 0. */
export function lossCoefficient(rule: KlRule): number {
  return rule.type === "k2" || rule.type === "k3" ? rule.coefficient : 0;
}
