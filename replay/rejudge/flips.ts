// What changes its sign between two batches of one step's trajectories, and which groups are
// learned from. Pure.
import { assert, type EventData, parseTrajectory } from "../../events/index.ts";

type Batch = EventData<"batch.assembled">;

/** How advantages differ. */
export interface AdvantageChange {
  readonly groups: number;
  /** Groups in which an advantage goes from above 0 to below, or the other way. */
  readonly groupsFlipped: number;
  /** Trajectories whose advantage does. */
  readonly signsFlipped: number;
  /** Groups that were left out and would be learned from. */
  readonly groupsGained: number;
  /** Groups that were learned from and would be left out. */
  readonly groupsLost: number;
}

/** Compares the batch that was learned from with the one that another reward makes. */
export function advantageChange(recorded: Batch, rejudged: Batch): AdvantageChange {
  assert(
    recorded.trajectories.join() === rejudged.trajectories.join(),
    "both batches are of the same trajectories, in the same order",
  );
  const groups = new Set<number>();
  const flipped = new Set<number>();
  let signsFlipped = 0;
  for (const [index, trajectory] of recorded.trajectories.entries()) {
    const group = parseTrajectory(trajectory)?.group;
    assert(group !== undefined, `${trajectory} is a trajectory's name`);
    groups.add(group);
    const was = Math.sign(recorded.advantages[index] ?? 0);
    const is = Math.sign(rejudged.advantages[index] ?? 0);
    if (was * is >= 0) continue;
    signsFlipped += 1;
    flipped.add(group);
  }
  const [before, after] = [leftOut(recorded), leftOut(rejudged)];
  return {
    groups: groups.size,
    groupsFlipped: flipped.size,
    signsFlipped,
    groupsGained: [...before].filter((group) => !after.has(group)).length,
    groupsLost: [...after].filter((group) => !before.has(group)).length,
  };
}

/** Groups without spread, and those beyond the number that is learned from. */
const leftOut = ({ droppedGroups, surplusGroups = [] }: Batch): ReadonlySet<number> =>
  new Set([...droppedGroups, ...surplusGroups]);
