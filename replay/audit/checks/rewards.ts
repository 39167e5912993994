// A reward is given once, to a trajectory that has ended, and is the weighted sum of its
// components.
import { parseTrajectory } from "../../../events/index.ts";
import { type Check, firstFault } from "../check.ts";

/** Rounding of a sum of a few float64 values. */
const tolerance = 1e-9;

export const rewards: Check<"reward.assigned"> = {
  name: "rewards",
  about: "trajectories are judged once, after their end; rewards sum up their parts",
  types: ["reward.assigned"],
  fault({ data }, book) {
    const { trajectory, components, reward } = data;
    const facts = book.trajectories.get(trajectory);
    if (parseTrajectory(trajectory) === null) return `"${trajectory}" is no trajectory`;
    if (facts === undefined) return `there is no ${trajectory}`;
    const sum = components.reduce((total, { value, weight }) => total + value * weight, 0);
    const names = new Set(components.map(({ name }) => name));
    return firstFault(
      facts.reward !== null && `${trajectory} was judged before`,
      facts.phase !== "ended" && `${trajectory} has not ended`,
      names.size !== components.length && "a component is there twice",
      !(Math.abs(sum - reward) <= tolerance * Math.max(1, Math.abs(sum))) &&
        `its components add up to ${sum}, the reward is ${reward}`,
    );
  },
};
