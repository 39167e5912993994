// Tampering with rewards, batches and advantages.
import { type Case, type Data, find, floats, insert, ofStream, remove, set } from "./tampering.ts";

export const rewardCases: readonly Case[] = [
  // Rewards.
  [
    "a reward that is given twice",
    "rewards",
    /was judged before/,
    (record) => {
      const reward = find(record, "reward.assigned", 12);
      return insert(record, reward, reward);
    },
  ],
  [
    "a reward of a trajectory that is not there",
    "rewards",
    /there is no trajectory/,
    set("reward.assigned", ({ trajectory }) => ({ trajectory: `${trajectory}0` }), 5),
  ],
  [
    "a reward before its trajectory has ended",
    "rewards",
    /has not ended/,
    (record) => {
      const reward = find(
        record,
        "reward.assigned",
        0,
        ({ data }) => !`${data["trajectory"]}`.includes("/e"),
      );
      const stream = String(reward.data["trajectory"]);
      const first = ofStream(record, stream)[0];
      if (first === undefined) throw new Error(`${stream} has events`);
      remove(record, reward);
      record.events.splice(record.events.indexOf(first) + 1, 0, reward);
      return reward;
    },
  ],
  [
    "a reward that is not the sum of its parts",
    "rewards",
    /its components add up to/,
    set("reward.assigned", ({ reward }) => ({ reward: Number(reward) + 0.01 }), 11),
  ],
  [
    "a component's value",
    "rewards",
    /its components add up to/,
    set(
      "reward.assigned",
      ({ components }) => ({
        components: (components as Data[]).map((part) => ({ ...part, value: 17 })),
      }),
      11,
    ),
  ],
  [
    "a reward and its parts together",
    "batches",
    /the judge gave/,
    (record) => {
      const batch = find(record, "batch.assembled");
      const [stream] = batch.data["trajectories"] as string[];
      const { data } = find(
        record,
        "reward.assigned",
        0,
        (one) => one.data["trajectory"] === stream,
      );
      data["components"] = [{ name: "f1", value: 0.5, weight: 0.5, function: "f1@1" }];
      data["reward"] = 0.25;
      return batch;
    },
  ],
  [
    "a reward that is left out",
    "batches",
    /was not judged/,
    (record) => {
      const batch = find(record, "batch.assembled", 1);
      const stream = (batch.data["trajectories"] as string[])[4];
      remove(
        record,
        find(record, "reward.assigned", 0, ({ data }) => data["trajectory"] === stream),
      );
      return batch;
    },
  ],
  [
    "a reward that is left out of an evaluation",
    "plans",
    /of its 4 trajectories were judged/,
    (record) => {
      remove(record, find(record, "reward.assigned"));
      return find(record, "evaluation.completed");
    },
  ],
  // Batches and advantages.
  [
    "a reward as the batch has it",
    "batches",
    /the judge gave/,
    set("batch.assembled", ({ rewards }) => ({ rewards: floats(rewards, (v) => (v[3] = 9)) })),
  ],
  [
    "a trajectory that the batch leaves out",
    "batches",
    /35 trajectories, 36 were planned/,
    set("batch.assembled", ({ trajectories }) => ({
      trajectories: (trajectories as string[]).slice(1),
    })),
  ],
  [
    "a trajectory that the batch has twice",
    "batches",
    /which has no place there/,
    set("batch.assembled", ({ trajectories: all }) => {
      const names = all as string[];
      return { trajectories: [names[1], ...names.slice(1)] };
    }),
  ],
  [
    "a trajectory of another step in the batch",
    "batches",
    /which has no place there/,
    set(
      "batch.assembled",
      ({ trajectories }) => ({
        trajectories: (trajectories as string[]).map((name) => name.replace("/2.0.0", "/1.0.0")),
      }),
      1,
    ),
  ],
  [
    "a reward too many in the batch",
    "batches",
    /36 trajectories have 37 rewards/,
    set("batch.assembled", ({ rewards }) => ({ rewards: floats(rewards, (v) => v.push(0)) })),
  ],
  [
    "a trajectory that is dealt out twice",
    "batches",
    /is dealt out twice/,
    set("batch.assembled", ({ minibatches }) => {
      const [first = new Int32Array(), ...rest] = minibatches as Int32Array[];
      return { minibatches: [Int32Array.of(...first, first[0] ?? 0), ...rest] };
    }),
  ],
  [
    "a trajectory that is in no minibatch",
    "batches",
    /trajectories are in a minibatch/,
    set("batch.assembled", ({ minibatches }) => {
      const [first = new Int32Array(), ...rest] = minibatches as Int32Array[];
      return { minibatches: [first.slice(1), ...rest] };
    }),
  ],
  [
    "a trajectory in a minibatch that is none",
    "batches",
    /names a trajectory 99/,
    set("batch.assembled", ({ minibatches }) => {
      const [first = new Int32Array(), ...rest] = minibatches as Int32Array[];
      return { minibatches: [Int32Array.of(...first.slice(1), 99), ...rest] };
    }),
  ],
  [
    "an advantage",
    "advantages",
    /the advantages of group \d+ sum to/,
    set("batch.assembled", ({ advantages, minibatches }) => {
      const at = (minibatches as Int32Array[])[0]?.[0] ?? 0;
      return { advantages: floats(advantages, (v) => (v[at] = (v[at] ?? 0) + 0.01)) };
    }),
  ],
  [
    "an advantage in a dropped group",
    "advantages",
    /was dropped and has advantages/,
    set("batch.assembled", ({ minibatches }) => {
      const kept = (minibatches as Int32Array[]).flatMap((members) => [...members]);
      const group = Math.floor((kept[0] ?? 0) / 6);
      const isKept = (index: number) => Math.floor(index / 6) !== group;
      const left = (minibatches as Int32Array[]).map((members) => members.filter(isKept));
      return { droppedGroups: [group], minibatches: left };
    }),
  ],
  [
    "an advantage that is no number",
    "advantages",
    /an advantage is no number/,
    set("batch.assembled", ({ advantages }) => ({
      advantages: floats(advantages, (v) => (v[0] = Number.NaN)),
    })),
  ],
];
