// Every trajectory and every turn was sampled with the policy that its step had planned.

import { keptPolicy, planOfTrajectory } from "../book.ts";
import { type Check, firstFault } from "../check.ts";

export const policies: Check<"trajectory.started" | "turn.sampled" | "batch.assembled"> = {
  name: "policies",
  about: "trajectories, turns and batches carry the policy that was planned",
  types: ["trajectory.started", "turn.sampled", "batch.assembled"],
  fault({ type, stream, data }, book) {
    const planned =
      type === "batch.assembled" ? book.plans.get(data.step) : planOfTrajectory(book, stream)?.plan;
    // That nothing planned it is for others to say.
    if (planned === undefined) return undefined;
    const used = type === "batch.assembled" ? (data.playedPolicy ?? data.policy) : data.policy;
    const kept = type === "turn.sampled" ? keptPolicy(book, data.turn) : null;
    if (kept !== null) return kept === used ? null : `${kept} had sampled it, it says ${used}`;
    const started = type === "turn.sampled" ? book.trajectories.get(stream)?.policy : undefined;
    return firstFault(
      used !== planned.policy && `${planned.policy} was planned, it used ${used}`,
      started !== undefined &&
        started !== data.policy &&
        `its trajectory began with ${started}, the turn used ${data.policy}`,
    );
  },
};
