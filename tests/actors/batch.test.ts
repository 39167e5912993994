import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type AdvantageRule,
  assembleBatch,
  type BatchSettings,
  type JudgedTrajectory,
  learningRateAt,
  planGradient,
} from "../../actors/learner/index.ts";
import { hashName } from "../../events/index.ts";

const test = suite("learner: batches");
const name = hashName(new Uint8Array());

const batchSettings: BatchSettings = {
  seed: 5,
  advantage: { type: "fixed", scale: 0.5 },
  minibatches: 2,
  shuffle: "trajectories",
  kl: { type: "none" },
  shuffleAdvantages: false,
  overlong: null,
  maskTruncated: false,
  groupsMax: 8,
};

function source(rewards: readonly (readonly number[])[], step = 1) {
  const trajectories: JudgedTrajectory[] = rewards.flatMap((group, g) =>
    group.map((reward, s) => ({ stream: `t/${g}.${s}`, group: g, sample: s, reward })),
  );
  return { step, policy: name, optimizer: name, trajectories };
}

function membersOf({ minibatches }: { readonly minibatches: readonly Int32Array[] }): number[] {
  return minibatches.flatMap((minibatch) => [...minibatch]).sort((a, b) => a - b);
}

test("a batch drops groups without spread and deals the others out evenly", () => {
  const batch = assembleBatch(
    source([
      [1, 0, 1],
      [1, 1, 1],
      [0, 0, 1],
    ]),
    batchSettings,
  );
  assert.equal(batch.droppedGroups, [1]);
  assert.equal(
    batch.minibatches.map(({ length }) => length),
    [3, 3],
  );
  const members = batch.minibatches.flatMap((minibatch) => [...minibatch]).sort((a, b) => a - b);
  assert.equal(members, [0, 1, 2, 6, 7, 8]);
});

test("with a KL term groups without spread are kept", () => {
  const batch = assembleBatch(source([[1, 1]]), {
    ...batchSettings,
    kl: { type: "k3", coefficient: 0.1 },
  });
  assert.equal(batch.droppedGroups, []);
  assert.equal([...batch.advantages], [0, 0]);
});

test("a batch does not depend on the order of arrival", () => {
  const forwards = source([
    [1, 0],
    [0, 1],
  ]);
  const backwards = { ...forwards, trajectories: forwards.trajectories.toReversed() };
  assert.equal(assembleBatch(backwards, batchSettings), assembleBatch(forwards, batchSettings));
});

test("each step draws its own minibatches", () => {
  const rewards = Array.from({ length: 8 }, () => [0, 1]);
  const [a, b] = [1, 2].map((step) => assembleBatch(source(rewards, step), batchSettings));
  assert.not.equal(a?.minibatches, b?.minibatches);
});

test("groups can stay together", () => {
  const rewards = Array.from({ length: 4 }, () => [0, 1]);
  const batch = assembleBatch(source(rewards), { ...batchSettings, shuffle: "groups" });
  for (const minibatch of batch.minibatches) {
    for (let index = 0; index < minibatch.length; index += 2) {
      assert.is((minibatch[index] as number) + 1, minibatch[index + 1]);
    }
  }
});

test("the control deals the same advantages out to other samples of the group", () => {
  const rewards = [[1, 0, 0, 0, 0, 0, 0, 0]];
  const plain = assembleBatch(source(rewards), batchSettings);
  const shuffled = Array.from({ length: 4 }, (_, step) =>
    assembleBatch(source(rewards, step + 1), { ...batchSettings, shuffleAdvantages: true }),
  );
  const sorted = (values: Float32Array) => [...values].sort((a, b) => a - b);
  for (const batch of shuffled) assert.equal(sorted(batch.advantages), sorted(plain.advantages));
  assert.ok(shuffled.some((batch) => batch.advantages[0] !== plain.advantages[0]));
});

test("of more groups with spread than are wanted the first in the plan are learned from", () => {
  const rewards = [
    [1, 1],
    [0, 1],
    [1, 0],
    [0, 0],
    [0, 1],
  ];
  const batch = assembleBatch(source(rewards), { ...batchSettings, groupsMax: 2 });
  assert.equal(batch.droppedGroups, [0, 3]);
  assert.equal(batch.surplusGroups, [4]);
  assert.equal(membersOf(batch), [2, 3, 4, 5]);
  assert.equal([...batch.advantages.slice(8)], [0, 0]);
  const enough = assembleBatch(source(rewards), { ...batchSettings, groupsMax: 3 });
  assert.is(enough.surplusGroups, undefined);
  assert.equal(membersOf(enough), [2, 3, 4, 5, 8, 9]);
});

test("a trajectory that was cut off counts in its group, and is not learned from", () => {
  const given = source([
    [1, 0, 0],
    [1, 0, 0],
  ]);
  const trajectories = given.trajectories.map((one, index) => ({ ...one, truncated: index >= 2 }));
  const settings = { ...batchSettings, maskTruncated: true, shuffle: "groups" as const };
  const batch = assembleBatch({ ...given, trajectories }, settings);
  assert.equal(membersOf(batch), [0, 1]);
  assert.is(batch.minibatches.length, 1);
  const whole = assembleBatch(given, settings);
  assert.equal(batch.advantages, whole.advantages);
});

test("length is punished in the reward that advantages come from, not in the recorded one", () => {
  const given = source([[1, 1]]);
  const trajectories = given.trajectories.map((one, index) => ({ ...one, tokens: 10 * index }));
  const overlong = { tokensMax: 12, cacheTokens: 4, weight: 0.5 };
  const batch = assembleBatch({ ...given, trajectories }, { ...batchSettings, overlong });
  assert.equal([...batch.rewards], [1, 1]);
  assert.equal([...(batch.shapedRewards ?? [])], [1, 0.75]);
  assert.equal([...batch.advantages], [0.25, -0.25]);
});

test("gdpo learns from groups whose rewards are equal and whose parts are not", () => {
  const given = source([[1, 1]]);
  const trajectories = given.trajectories.map((one, index) => ({
    ...one,
    parts: [
      ["f1", index, 1],
      ["format", 1 - index, 0.5],
    ] as const,
  }));
  const advantage: AdvantageRule = { type: "gdpo" };
  const batch = assembleBatch({ ...given, trajectories }, { ...batchSettings, advantage });
  assert.equal(batch.droppedGroups, []);
  assert.ok((batch.advantages[1] ?? 0) > 0.5 && (batch.advantages[0] ?? 0) < -0.5);
});

test("turns have advantages of their own where states are known", () => {
  const given = source([[1, 0]]);
  const trajectories = given.trajectories.map((one) => ({ ...one, states: [0, 1 + one.sample] }));
  const rule = { discount: 0.5, weight: 1, std: false };
  const advantage: AdvantageRule = { type: "gigpo", ...rule };
  const batch = assembleBatch({ ...given, trajectories }, { ...batchSettings, advantage });
  // Episode: ±0.5. The first state was met by both, with returns 0.5 and 0; the second ones once.
  assert.equal(
    batch.turnAdvantages?.map((turns) => [...turns]),
    [
      [0.75, 0.5],
      [-0.75, -0.5],
    ],
  );
  assert.equal([...batch.advantages], [0.625, -0.625]);
});

test("a gradient plan sorts by length within a shard and never across shards", () => {
  assert.equal(planGradient([5, 3, 4, 9, 1], 2, 2), [[[1, 2], [0]], [[4, 3]]]);
});

test("a gradient plan covers every row once", () => {
  const lengths = fc.array(fc.nat(50), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      lengths,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 9 }),
      (l, s, r) => {
        const plan = planGradient(l, s, r);
        const rows = plan.flat(2).sort((a, b) => a - b);
        return rows.length === l.length && rows.every((row, index) => row === index);
      },
    ),
    { seed: 3 },
  );
});

test("the learning rate rises, then falls to its final share", () => {
  const decay = "linear" as const;
  const schedule = { learningRate: 1, warmupSteps: 4, finalShare: 0.5, decay, steps: 11 };
  assert.is(learningRateAt(1, { ...schedule, finalShare: 1 }), 0.25);
  assert.is(learningRateAt(4, { ...schedule, finalShare: 1 }), 1);
  assert.is(learningRateAt(11, schedule), 0.5);
});

test.run();
