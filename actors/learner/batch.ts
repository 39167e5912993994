// From judged trajectories to the batch of a step: advantages, dropped groups, minibatches. Pure,
// so that `replay` re-derives it from the ledger.
import { assert, type EventData, type HashName, RandomStream } from "../../events/index.ts";
import { groupAdvantages, isFlat } from "./grpo.ts";
import { itemAt } from "./item-at.ts";

/** How a batch is assembled. */
export interface BatchSettings {
  readonly seed: number;
  readonly advantageScale: number | "std";
  readonly minibatches: number;
  /** What stays together when minibatches are drawn. */
  readonly shuffle: "trajectories" | "groups";
  /** With a KL term groups without spread still pull towards the reference and are kept. */
  readonly klCoefficient: number;
  /** A control that must not learn: advantages dealt out anew within each group. */
  readonly shuffleAdvantages: boolean;
}

/** A judged trajectory. */
export interface JudgedTrajectory {
  readonly stream: string;
  readonly group: number;
  readonly sample: number;
  readonly reward: number;
}

/** What is learned from in a step. */
export interface BatchSource {
  readonly step: number;
  readonly policy: HashName;
  readonly optimizer: HashName;
  readonly trajectories: readonly JudgedTrajectory[];
}

/** The data of `batch.assembled`. */
export function assembleBatch(
  source: BatchSource,
  settings: BatchSettings,
): EventData<"batch.assembled"> {
  const { step, policy, optimizer } = source;
  const ordered = [...source.trajectories].sort((a, b) => a.group - b.group || a.sample - b.sample);
  const advantages = new Float32Array(ordered.length);
  const droppedGroups: number[] = [];
  const kept: number[][] = [];
  for (const members of groupsOf(ordered)) {
    const rewards = members.map((index) => itemAt(ordered, index).reward);
    const group = itemAt(ordered, itemAt(members, 0)).group;
    if (isFlat(rewards) && settings.klCoefficient === 0) {
      droppedGroups.push(group);
      continue;
    }
    const values = groupAdvantages(rewards, settings.advantageScale);
    const dealt = settings.shuffleAdvantages
      ? new RandomStream(settings.seed, "shuffle-advantages", step, group).shuffle(values)
      : values;
    for (const [place, index] of members.entries()) advantages[index] = itemAt(dealt, place);
    kept.push(members);
  }
  return {
    step,
    policy,
    optimizer,
    trajectories: ordered.map(({ stream }) => stream),
    rewards: Float32Array.from(ordered, ({ reward }) => reward),
    advantages,
    droppedGroups,
    minibatches: drawMinibatches(kept, step, settings),
  };
}

/** The indices of each group's members, groups and members in order. */
function groupsOf(ordered: readonly JudgedTrajectory[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const [index, { group }] of ordered.entries()) {
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

/**
 * Cuts a list into `parts` runs whose lengths differ by one at most, longer ones first; empty runs
 * are left out.
 */
export function cutEvenly<T>(items: readonly T[], parts: number): T[][] {
  assert(Number.isInteger(parts) && parts > 0, `a list is cut into 1 or more parts, not ${parts}`);
  const runs: T[][] = [];
  for (let part = 0, start = 0; part < parts; part++) {
    const size = Math.floor(items.length / parts) + (part < items.length % parts ? 1 : 0);
    if (size > 0) runs.push(items.slice(start, start + size));
    start += size;
  }
  return runs;
}
