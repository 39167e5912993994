// From judged trajectories to the batch of a step: advantages, dropped groups, minibatches. Pure,
// so that `replay` re-derives it from the ledger.
import {
  assert,
  type EventData,
  type HashName,
  parseTrajectory,
  RandomStream,
} from "../../events/index.ts";
import { cutEvenly } from "./cut-evenly.ts";
import type { KlRule } from "./divergence.ts";
import {
  type AdvantageRule,
  type Estimate,
  type EstimatedSample,
  estimateAdvantages,
  hasSpread,
} from "./estimate.ts";
import { itemAt } from "./item-at.ts";
import type { Reprice } from "./learn-step.ts";
import { type OverlongRule, overlongPunishment } from "./overlong.ts";

/** How a batch is assembled. */
export interface BatchSettings {
  readonly seed: number;
  readonly advantage: AdvantageRule;
  readonly minibatches: number;
  /** What stays together when minibatches are drawn. */
  readonly shuffle: "trajectories" | "groups";
  /** With a KL term groups without spread still pull towards the reference and are kept. */
  readonly kl: KlRule;
  /** A control that must not learn: advantages dealt out anew within each group. */
  readonly shuffleAdvantages: boolean;
  /** Null: length is not punished. */
  readonly overlong: OverlongRule | null;
  /** Whether trajectories that a limit has cut off are left out of the minibatches. */
  readonly maskTruncated: boolean;
  /** Groups that are learned from, at most: of those with spread the first in the plan. */
  readonly groupsMax: number;
}

/** A judged trajectory. What only some settings need is there where they need it (`facts.ts`). */
export interface JudgedTrajectory extends EstimatedSample {
  readonly stream: string;
  readonly group: number;
  readonly sample: number;
  /** Tokens that the model sampled. */
  readonly tokens?: number | undefined;
  /** Whether a limit has cut it off. */
  readonly truncated?: boolean | undefined;
}

/** What is learned from in a step. */
export interface BatchSource {
  readonly step: number;
  readonly policy: HashName;
  readonly optimizer: HashName;
  /** With a policy lag: what the trajectories were played with. */
  readonly played?: HashName | undefined;
  readonly trajectories: readonly JudgedTrajectory[];
}

/** The data of `batch.assembled`. */
export function assembleBatch(
  source: BatchSource,
  settings: BatchSettings,
): EventData<"batch.assembled"> {
  const { step, policy, optimizer, played } = source;
  const ordered = [...source.trajectories].sort((a, b) => a.group - b.group || a.sample - b.sample);
  const shaped = ordered.map((trajectory) => shapedByLength(trajectory, settings.overlong));
  const groups = groupsOf(ordered.map(({ group }) => group));
  const estimates = estimateAdvantages(
    groups.map((members) => members.map((index) => itemAt(shaped, index))),
    settings.advantage,
  );
  const advantages = new Float32Array(ordered.length);
  const turns = ordered.map(({ states }) => new Float32Array(states?.length ?? 0));
  const droppedGroups: number[] = [];
  const surplusGroups: number[] = [];
  const kept: number[][] = [];
  for (const [place, members] of groups.entries()) {
    const estimated = itemAt(estimates, place);
    const { group } = itemAt(ordered, itemAt(members, 0));
    if (settings.kl.type === "none" && !hasSpread(estimated)) {
      droppedGroups.push(group);
      continue;
    }
    if (kept.length === settings.groupsMax) {
      surplusGroups.push(group);
      continue;
    }
    const dealt = settings.shuffleAdvantages
      ? new RandomStream(settings.seed, "shuffle-advantages", step, group).shuffle(estimated)
      : estimated;
    for (const [at, index] of members.entries()) {
      const estimate: Estimate = itemAt(dealt, at);
      advantages[index] = estimate.advantage;
      turns[index]?.set(estimate.turns ?? []);
    }
    kept.push(members);
  }
  const isLearned = (index: number) =>
    !(settings.maskTruncated && itemAt(ordered, index).truncated === true);
  const learned = kept.map((members) => members.filter(isLearned));
  return {
    step,
    policy,
    ...(played === undefined ? {} : { playedPolicy: played }),
    optimizer,
    trajectories: ordered.map(({ stream }) => stream),
    rewards: Float32Array.from(ordered, ({ reward }) => reward),
    ...(settings.overlong === null
      ? {}
      : { shapedRewards: Float32Array.from(shaped, ({ reward }) => reward) }),
    advantages,
    ...(settings.advantage.type === "gigpo" ? { turnAdvantages: turns } : {}),
    droppedGroups,
    ...(surplusGroups.length === 0 ? {} : { surplusGroups }),
    minibatches: drawMinibatches(
      learned.filter(({ length }) => length > 0),
      step,
      settings,
    ),
  };
}

/** The trajectory with the punishment of its length in its reward, and among its parts. */
function shapedByLength(trajectory: JudgedTrajectory, rule: OverlongRule | null): JudgedTrajectory {
  if (rule === null) return trajectory;
  const { tokens, reward, parts } = trajectory;
  assert(tokens !== undefined, `${trajectory.stream} has a length where length is punished`);
  const punishment = overlongPunishment(tokens, rule);
  return {
    ...trajectory,
    reward: reward + rule.weight * punishment,
    parts: parts && [...parts, ["overlong", punishment, rule.weight]],
  };
}

/** The advantage of a trajectory of the batch; those of its turns, where they have their own. */
export function advantageOf(
  batch: EventData<"batch.assembled">,
  index: number,
): number | Float32Array {
  return batch.turnAdvantages?.[index] ?? itemAt(batch.advantages, index);
}

/** The advantages of the minibatches once the KL term has been taken from the rewards. */
export function repricing(batch: EventData<"batch.assembled">, rule: AdvantageRule): Reprice {
  return (penalties) => {
    const lowered = batch.trajectories.map(() => 0);
    for (const [minibatch, members] of batch.minibatches.entries()) {
      for (const [place, index] of members.entries()) {
        lowered[index] = itemAt(itemAt(penalties, minibatch), place);
      }
    }
    const advantages = penalizedAdvantages(batch, lowered, rule);
    return batch.minibatches.map((members) =>
      Array.from(members, (index) => itemAt(advantages, index)),
    );
  };
}

/**
 * The advantages of a batch whose rewards are lowered by `penalties` (one per trajectory), where
 * the KL term stands in the reward. They are known once the log-probs are.
 */
function penalizedAdvantages(
  batch: EventData<"batch.assembled">,
  penalties: readonly number[],
  rule: AdvantageRule,
): number[] {
  const rewards = batch.shapedRewards ?? batch.rewards;
  const groups = groupsOf(batch.trajectories.map((name) => parseTrajectory(name)?.group ?? -1));
  const samples = groups.map((members) =>
    members.map((index) => ({ reward: itemAt(rewards, index) - itemAt(penalties, index) })),
  );
  const advantages = new Array<number>(rewards.length).fill(0);
  for (const [place, group] of estimateAdvantages(samples, rule).entries()) {
    for (const [at, { advantage }] of group.entries()) {
      advantages[itemAt(itemAt(groups, place), at)] = advantage;
    }
  }
  return advantages;
}

/** The indices of each group's members, groups and members in order. */
function groupsOf(groupOfEach: readonly number[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const [index, group] of groupOfEach.entries()) {
    const members = groups.get(group) ?? [];
    members.push(index);
    groups.set(group, members);
  }
  return [...groups.values()];
}

/** Deals the kept trajectories (or whole groups) out, as evenly as they divide, in drawn order. */
function drawMinibatches(
  kept: readonly (readonly number[])[],
  step: number,
  { seed, minibatches, shuffle }: BatchSettings,
): Int32Array[] {
  const units = shuffle === "groups" ? kept : kept.flat().map((index) => [index]);
  const drawn = new RandomStream(seed, "minibatch", step).shuffle(units);
  return cutEvenly(drawn, minibatches).map((part) => Int32Array.from(part.flat()));
}
