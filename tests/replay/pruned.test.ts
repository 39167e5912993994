// Goal: a run whose policies and gradients were pruned is replayed and computed again as far as it
// is there, and what is left out is counted; what is gone without a word is a difference.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, streams, unpackHashes } from "../../events/index.ts";
import type { MemoryDisk } from "../../storage/index.ts";
import { tinyConfig } from "../actors/tiny-run.ts";
import { pruned } from "./prune-tiny.ts";
import { playTiny, replayTiny, type TinyReplay, withDisk } from "./tiny-replay.ts";

const test = suite("replay of a pruned run");

const withLag = (policyLag: number): RunConfig => {
  const plain = tinyConfig();
  return { ...plain, rollout: { ...plain.rollout, policyLag } };
};

const replay = (disk: MemoryDisk, options: TinyReplay = {}) =>
  withDisk(disk, (reader) => replayTiny(reader, options));

/** The policies that are gone, by the run's own word. */
async function goneOf(disk: MemoryDisk): Promise<ReadonlySet<string>> {
  return withDisk(disk, async (reader) => {
    const events = await reader.readStream(streams.storage("tiny"));
    return new Set(
      events.flatMap(({ data }) => unpackHashes((data as EventData<"blobs.pruned">).names)),
    );
  });
}

/** Turns that were played with a policy of which `isMeant` holds. */
const turnsOf = (disk: MemoryDisk, isMeant: (policy: string) => boolean) =>
  withDisk(disk, async (reader) => {
    let turns = 0;
    for (const stream of await reader.listStreams("trajectory/")) {
      for (const { type, data } of await reader.readStream(stream)) {
        if (type !== "turn.sampled") continue;
        if (isMeant((data as EventData<"turn.sampled">).policy)) turns += 1;
      }
    }
    return turns;
  });

test("turns of a pruned policy are left out and counted, all others are computed again", async () => {
  const disk = await pruned(tinyConfig(), "policies=none");
  const gone = await goneOf(disk);
  const left = await turnsOf(disk, (policy) => gone.has(policy));
  const whole = await turnsOf(disk, () => true);
  assert.ok(left > 0 && left < whole, `${left} of ${whole} turns`);
  const again = await replay(disk, { recompute: true });
  assert.equal(again.differences, []);
  // Steps 2 and 3: what played step 1 is what the run began with, and step 3 stored its optimizer.
  assert.equal([again.unsampled, again.unlearned, again.hashOnlySteps], [gone.size, 0, 0]);
  assert.is(again.comparisons.tokens?.compared, whole - left);
  assert.is(again.comparisons.losses?.compared, 8, "weights are derived, and learned from again");
  assert.is(again.policies, 4);
  const plain = await replay(disk);
  assert.equal([plain.ok, plain.unsampled, plain.unlearned], [true, 0, 0]);
});

test("where gradients are gone, too, computed ones lead on", async () => {
  const disk = await pruned(tinyConfig(), "policies=none", "gradients=none", "optimizers=none");
  const plain = await replay(disk);
  assert.equal([plain.ok, plain.policies, plain.hashOnlySteps], [true, 1, 3]);
  const again = await replay(disk, { recompute: true });
  assert.equal(again.differences, []);
  assert.equal([again.policies, again.hashOnlySteps, again.unlearned], [4, 0, 0]);
  assert.is(again.comparisons.losses?.compared, 8);
});

test("gradients that need a pruned policy are counted as not computed", async () => {
  const config = withLag(1);
  const disk = await pruned(config, "policies=none");
  const again = await replay(disk, { config, recompute: true });
  assert.equal(again.differences, []);
  assert.ok(again.unlearned > 0, `${again.unlearned}`);
  assert.is(again.comparisons.losses?.compared, 2 * (4 - again.unlearned));
  assert.is(again.policies, 4, "their policies follow from the stored gradients");
});

test("a policy that is gone without a word is a difference, and is named", async () => {
  const disk = await playTiny();
  const name = await withDisk(disk, async (reader) => {
    const learned = await reader.readStream(streams.learner("tiny"));
    const updates = learned.filter(({ type }) => type === "policy.updated");
    const [name] = updates.map(({ data }) => (data as EventData<"policy.updated">).policyAfter);
    assert.ok(name, "a step was learned");
    return name;
  });
  disk.blobs.delete(name);
  const again = await replay(disk, { recompute: true });
  assert.equal([again.ok, again.unsampled], [false, 0]);
  assert.match(again.differsAt?.reason ?? "", `the policy ${name} is not stored`);
});

test.run();
