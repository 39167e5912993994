// Advantages sum to zero within each group, for the kinds of which that is true; dropped groups
// have none.
import { type EventData, parseTrajectory } from "../../../events/index.ts";
import { type Check, firstFault } from "../check.ts";
import { settingsOf } from "../settings.ts";

/**
 * The kinds of `learner.advantage` that sum to zero within a group. `gdpo` does over a batch before
 * groups are dropped, and `gigpo` has sums for each state that turns met: a replay tells of those.
 */
const sumsOverGroups: ReadonlySet<string> = new Set(["fixed", "std", "batch-std", "leave-one-out"]);

/** Advantages are float32: each is off by half of this share of it at most. */
const roundingShare = 2 ** -23;
/** What the rounding of the rewards themselves may leave, per advantage. */
const roundingMin = 1e-9;

export const advantages: Check<"batch.assembled"> = {
  name: "advantages",
  about: "advantages sum to zero, and dropped groups have none",
  types: ["batch.assembled"],
  fault({ data }, book) {
    const kind = settingsOf(book).advantage;
    const dropped = new Set([...data.droppedGroups, ...(data.surplusGroups ?? [])]);
    const groups = groupsOf(data);
    const withAny = [...groups].find(
      ([group, values]) => dropped.has(group) && values.some((value) => value !== 0),
    );
    return firstFault(
      withAny !== undefined && `group ${withAny[0]} was dropped and has advantages`,
      data.advantages.some((value) => !Number.isFinite(value)) && "an advantage is no number",
      kind !== null &&
        sumsOverGroups.has(kind) &&
        firstFault(...[...groups].map(([group, values]) => sumFault(values, `group ${group}`))),
    );
  },
};

function sumFault(values: readonly number[], what: string): string | null {
  const sum = values.reduce((total, value) => total + value, 0);
  const size = values.reduce((total, value) => total + Math.abs(value), 0);
  const allowed = size * roundingShare + values.length * roundingMin;
  return Math.abs(sum) <= allowed ? null : `the advantages of ${what} sum to ${sum}, not to 0`;
}

function groupsOf(data: EventData<"batch.assembled">): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const [index, stream] of data.trajectories.entries()) {
    const group = parseTrajectory(stream)?.group ?? -1;
    const values = groups.get(group) ?? [];
    values.push(data.advantages[index] ?? 0);
    groups.set(group, values);
  }
  return groups;
}
