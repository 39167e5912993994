// From judged groups to advantages, by the estimator that the configuration names. Pure.
import { assert } from "../../events/index.ts";
import {
  batchAdvantages,
  decoupledAdvantages,
  fixedAdvantages,
  groupAdvantages,
  leaveOneOutAdvantages,
  type RewardPart,
} from "./advantages.ts";
import { type TurnRule, turnAdvantages } from "./turn-advantages.ts";

/** Which advantages are computed. */
export type AdvantageRule =
  | { readonly type: "fixed"; readonly scale: number }
  | { readonly type: "std" | "batch-std" | "leave-one-out" | "gdpo" }
  | ({ readonly type: "gigpo" } & TurnRule);

/** A sample as an estimator sees it. */
export interface EstimatedSample {
  readonly reward: number;
  /** Its parts, for `gdpo`. */
  readonly parts?: readonly RewardPart[] | undefined;
  /** Per turn the number of its state within the group, for `gigpo`. */
  readonly states?: readonly number[] | undefined;
}

/** The advantage of a sample; `turns` where its turns have advantages of their own. */
export interface Estimate {
  /** With turns, their mean. */
  readonly advantage: number;
  readonly turns: readonly number[] | null;
}

/** The advantages of a batch, per group, per sample. */
export function estimateAdvantages(
  groups: readonly (readonly EstimatedSample[])[],
  rule: AdvantageRule,
): Estimate[][] {
  const rewards = groups.map((group) => group.map(({ reward }) => reward));
  switch (rule.type) {
    case "fixed":
      return whole(rewards.map((group) => fixedAdvantages(group, rule.scale)));
    case "std":
      return whole(rewards.map(groupAdvantages));
    case "batch-std":
      return whole(batchAdvantages(rewards));
    case "leave-one-out":
      return whole(rewards.map(leaveOneOutAdvantages));
    case "gdpo":
      return whole(decoupledAdvantages(groups.map((group) => group.map(partsOf))));
    case "gigpo":
      return groups.map((group) => turnAdvantages(group.map(turned), rule).map(byTurn));
  }
}

/** Whether a group has nothing to tell its samples, or their turns, apart. */
export function hasSpread(group: readonly Estimate[]): boolean {
  return group.some(({ advantage, turns }) => (turns ?? [advantage]).some((value) => value !== 0));
}

const whole = (groups: readonly (readonly number[])[]): Estimate[][] =>
  groups.map((group) => group.map((advantage) => ({ advantage, turns: null })));

function byTurn(turns: readonly number[]): Estimate {
  const advantage = turns.reduce((sum, value) => sum + value, 0) / turns.length;
  return { advantage, turns };
}

function partsOf({ parts }: EstimatedSample): readonly RewardPart[] {
  assert(parts !== undefined, "gdpo is given the parts of each reward");
  return parts;
}

function turned({ reward, states }: EstimatedSample) {
  assert(states !== undefined && states.length > 0, "gigpo is given the states of each turn");
  return { reward, states };
}
