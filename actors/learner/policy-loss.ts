// The policy term of each loss, per token, before it is put together (`loss.ts`), with ρ = current
// / old probability of a token, A its advantage, w its importance weight and clip(x) = x cut to [1
// − low, 1 + high]. Values are losses (to be minimised); slopes are the derivatives of their sum
// over the sequence with respect to the current log-probs.
import { itemAt } from "./item-at.ts";

/** ρ is cut to [1 − low, 1 + high]. */
export interface Clip {
  readonly clipLow: number;
  readonly clipHigh: number;
}

/** The loss-carrying tokens of one sequence, one entry per token. */
export interface SequenceTokens {
  readonly current: Float32Array;
  readonly old: Float32Array;
  readonly weights: Float32Array;
  readonly advantages: Float32Array;
}

export interface PolicyTerm {
  readonly values: Float64Array;
  readonly slopes: Float64Array;
  /** Tokens whose gradient the clip has cut off, or, for CISPO, changed. */
  readonly cut: number;
}

/**
 * −w min(ρA, clip(ρ)A) (Schulman et al., "PPO", arXiv 1707.06347, eq. 7; the two bounds of Yu et
 * al., "DAPO", arXiv 2503.14476, section 3.1). Slope: −wρA, 0 where the clip cuts.
 */
export function clippedTerm(tokens: SequenceTokens, clip: Clip): PolicyTerm {
  const { values, slopes } = emptyTerm(tokens);
  let cut = 0;
  for (let index = 0; index < values.length; index++) {
    const { ratio, bounded, advantage, weight } = tokenAt(tokens, clip, index);
    values[index] = -weight * Math.min(ratio * advantage, bounded * advantage);
    const isCut = bounded * advantage < ratio * advantage;
    slopes[index] = isCut ? 0 : -weight * ratio * advantage;
    if (isCut) cut++;
  }
  return { values, slopes, cut };
}

/**
 * GSPO (Zheng et al., arXiv 2507.18071, eqs. 5 and 7): −w min(sA, clip(s)A) with the ratio of the
 * sequence s = e^(mean of ln ρ), one for all its tokens. Since s depends on every token, a token's
 * slope is −s times the mean of wA over the tokens that are not cut (with equal advantages all are,
 * or none).
 */
export function sequenceTerm(tokens: SequenceTokens, clip: Clip): PolicyTerm {
  const { values, slopes } = emptyTerm(tokens);
  const count = values.length;
  let logRatio = 0;
  for (const [index, current] of tokens.current.entries()) {
    logRatio += current - itemAt(tokens.old, index);
  }
  const ratio = Math.exp(logRatio / count);
  const bounded = bound(ratio, clip);
  let cut = 0;
  let gain = 0;
  for (let index = 0; index < count; index++) {
    const advantage = itemAt(tokens.advantages, index);
    const weight = itemAt(tokens.weights, index);
    values[index] = -weight * Math.min(ratio * advantage, bounded * advantage);
    if (bounded * advantage < ratio * advantage) cut++;
    else gain += weight * advantage;
  }
  return { values, slopes: slopes.fill((-ratio * gain) / count), cut };
}

/**
 * CISPO (MiniMax, "MiniMax-M1", arXiv 2506.13585, section 3.1): −w sg(clip(ρ)) A ln π, the clipped
 * ratio a constant, so that no token loses its gradient. Slope: −w clip(ρ) A.
 */
export function cispoTerm(tokens: SequenceTokens, clip: Clip): PolicyTerm {
  const { values, slopes } = emptyTerm(tokens);
  let cut = 0;
  for (let index = 0; index < values.length; index++) {
    const { ratio, bounded, advantage, weight } = tokenAt(tokens, clip, index);
    slopes[index] = -weight * bounded * advantage;
    values[index] = itemAt(slopes, index) * itemAt(tokens.current, index);
    if (bounded !== ratio) cut++;
  }
  return { values, slopes, cut };
}

function emptyTerm({ current }: SequenceTokens) {
  return { values: new Float64Array(current.length), slopes: new Float64Array(current.length) };
}

function tokenAt(tokens: SequenceTokens, clip: Clip, index: number) {
  const ratio = Math.exp(itemAt(tokens.current, index) - itemAt(tokens.old, index));
  const advantage = itemAt(tokens.advantages, index);
  return { ratio, bounded: bound(ratio, clip), advantage, weight: itemAt(tokens.weights, index) };
}

function bound(ratio: number, { clipLow, clipHigh }: Clip): number {
  return Math.min(Math.max(ratio, 1 - clipLow), 1 + clipHigh);
}
