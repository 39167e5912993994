// GiGPO: advantages that tell the turns of a trajectory apart, without a critic.
import { assert } from "../../events/index.ts";
import { fixedAdvantages, groupAdvantages } from "./advantages.ts";
import { itemAt } from "./item-at.ts";

export interface TurnRule {
  /** γ: what a reward is worth a turn earlier. */
  readonly discount: number;
  /** ω: the weight of the turn's advantage beside the trajectory's. */
  readonly weight: number;
  /** Whether differences are divided by the standard deviation. */
  readonly std: boolean;
}

/** A trajectory: its reward, and per turn the number of the state that it was taken in. */
export interface TurnedSample {
  readonly reward: number;
  /** Equal numbers within a group mean equal states. */
  readonly states: readonly number[];
}

/**
 * The advantages of the turns of a group (Feng et al., "Group-in-Group Policy Optimization", arXiv
 * 2505.10978, section 4):
 *
 *     A^E = (R − mean) / F over the trajectories of the group                           (eq. 3)
 *     R_t = γ^(T − 1 − t) R, the reward coming with the last of T turns                 (eq. 5)
 *     A^S = (R_t − mean) / F over the turns that the group took in the same state       (eqs. 6, 7)
 *     A_t = A^E + ω A^S                                                                 (eq. 8)
 *
 * F is 1 or the standard deviation (with n − 1, plus 1e-4). A state that was met once says nothing:
 * A^S = 0.
 * @returns per sample, per turn
 */
export function turnAdvantages(samples: readonly TurnedSample[], rule: TurnRule): number[][] {
  const relative = (values: readonly number[]) =>
    rule.std ? groupAdvantages(values) : fixedAdvantages(values, 1);
  const episodes = relative(samples.map(({ reward }) => reward));
  const advantages = samples.map(({ states }, index) => states.map(() => itemAt(episodes, index)));
  for (const visits of visitsByState(samples).values()) {
    const returns = visits.map(([sample, turn]) => {
      const { reward, states } = itemAt(samples, sample);
      return rule.discount ** (states.length - 1 - turn) * reward;
    });
    for (const [place, value] of relative(returns).entries()) {
      const [sample, turn] = itemAt(visits, place);
      const turns = advantages[sample];
      assert(turns?.[turn] !== undefined, "a visit is a turn of a sample");
      turns[turn] += rule.weight * value;
    }
  }
  return advantages;
}

type Visit = readonly [sample: number, turn: number];

function visitsByState(samples: readonly TurnedSample[]): Map<number, Visit[]> {
  const visits = new Map<number, Visit[]>();
  for (const [sample, { states }] of samples.entries()) {
    for (const [turn, state] of states.entries()) {
      const known = visits.get(state) ?? [];
      known.push([sample, turn]);
      visits.set(state, known);
    }
  }
  return visits;
}
