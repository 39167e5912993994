// What becomes of long trajectories before advantages are computed.

/** DAPO's soft punishment of length, in tokens that the model sampled. */
export interface OverlongRule {
  /** Longer ones are punished in full. */
  readonly tokensMax: number;
  /** So many tokens before that the punishment begins. */
  readonly cacheTokens: number;
  /** What it weighs beside the reward. */
  readonly weight: number;
}

/**
 * 0 up to max − cache tokens, −1 beyond max, linear between: (max − cache − length) / cache (Yu et
 * al., "DAPO", arXiv 2503.14476, section 3.4, eq. 13; TRL's `get_soft_overlong_punishment`).
 */
export function overlongPunishment(
  length: number,
  { tokensMax, cacheTokens }: Pick<OverlongRule, "tokensMax" | "cacheTokens">,
): number {
  const free = tokensMax - cacheTokens;
  if (length <= free) return 0;
  return length <= tokensMax ? (free - length) / cacheTokens : -1;
}
