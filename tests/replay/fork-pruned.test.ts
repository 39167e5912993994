// Goal: a pruned run is forked where what is needed is there or follows from what is; where it is
// not, the blob, the rule that took it and the places that are left are named.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { noOptimizer } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, streams } from "../../events/index.ts";
import { diffRuns, forkAtStep, forkAtTurn, unlikeParent } from "../../replay/index.ts";
import type { LedgerReader, MemoryDisk } from "../../storage/index.ts";
import { tinyConfig } from "../actors/tiny-run.ts";
import { tinyOptimizer, tinyTrainer } from "../actors/tiny-world.ts";
import { prune, pruned } from "./prune-tiny.ts";
import { playTiny, withDisk } from "./tiny-replay.ts";

const test = suite("replay: forks of a pruned run");

async function startedIn(reader: LedgerReader, run = "tiny") {
  const [first] = await reader.readStream(streams.run(run), 1, 1);
  return first?.data as EventData<"run.started">;
}

const startOf = (disk: MemoryDisk, step: number, config: RunConfig) =>
  withDisk(disk, async (reader) =>
    forkAtStep({
      ...{ reader, run: "tiny", started: await startedIn(reader), step, config },
      weightsOf: () => ({ trainer: tinyTrainer, optimizer: tinyOptimizer }),
    }),
  );

/** Why a fork is refused. */
const refused = (disk: MemoryDisk, step: number, config: RunConfig) =>
  startOf(disk, step, config).then(
    () => "it was not",
    (thrown: Error) => thrown.message,
  );

/** Forks after `step`; the fork must go on as its parent did. */
async function goesOn(disk: MemoryDisk, step: number, config: RunConfig): Promise<MemoryDisk> {
  const start = await startOf(disk, step, config);
  const fork = await playTiny({ config, fork: { run: "fork", start } });
  const found = await withDisk(disk, (a) =>
    withDisk(fork, (b) => diffRuns({ reader: a, run: "tiny" }, { reader: b, run: "fork" })),
  );
  assert.equal([found.equal, found.partsAt, found.from], [true, null, step]);
  return fork;
}

test("a policy that was pruned is named with its rule, and so are the steps around it", async () => {
  const config = tinyConfig();
  const disk = await pruned(config, "policies=none");
  assert.match(
    await refused(disk, 2, config),
    new RegExp(
      '^the policy after step 2, sha256:\\w+ was pruned by the rule "policies=none" ' +
        "\\(event 1 of storage/tiny\\): a backup may have it; fork at step 0 or 3$",
    ),
  );
  await goesOn(disk, 3, config);
});

test("so is a gradient without which the optimizer cannot be derived", async () => {
  const config = tinyConfig();
  const disk = await pruned(config, "gradients=none");
  assert.match(
    await refused(disk, 2, config),
    /^the optimizer after step 2 is not here and .*: sha256:\w+ was pruned by .*; fork at step 0 or 3$/,
  );
  await goesOn(disk, 3, config);
});

test("an optimizer that was pruned is derived from the one before, where gradients are", async () => {
  const config = tinyConfig({ steps: 7 });
  const disk = await pruned(config, "optimizers=none");
  await goesOn(disk, 3, config);
  await goesOn(disk, 5, config);
  await prune(disk, "gradients=last:3");
  assert.match(
    await refused(disk, 3, config),
    /^the optimizer after step 3 is not .* "optimizers=none" \(event 1 .*; fork at step 0 or 6$/,
  );
});

test("a lag that reaches back to a pruned policy is refused, and the mend is a step without", async () => {
  const plain = tinyConfig();
  const config = { ...plain, rollout: { ...plain.rollout, policyLag: 2 } };
  const disk = await pruned(plain, "policies=none");
  const reason = await refused(disk, 3, config);
  assert.match(reason, /^the policy sha256:\w+ was pruned by the rule .*; fork at step 0$/);
});

test("a blob that is gone without a word is named as no longer stored", async () => {
  const config = tinyConfig();
  const disk = await playTiny({ config });
  const start = await startOf(disk, 2, config);
  disk.blobs.delete(start.policy);
  const words = `the policy after step 2, ${start.policy} is no longer stored; fork at step 1 or 3`;
  assert.is(await refused(disk, 2, config), words);
});

test("a fork is held against its parent though that was pruned since", async () => {
  const config = tinyConfig();
  const disk = await playTiny({ config });
  const fork = await goesOn(disk, 2, config);
  await prune(disk, "gradients=none", "policies=none", "optimizers=none");
  const started = await withDisk(fork, (reader) => startedIn(reader, "fork"));
  assert.is(await withDisk(disk, (reader) => unlikeParent(reader, started)), null);
});

test("a trajectory whose policy was pruned is continued with another one", async () => {
  const disk = await pruned(tinyConfig(), "policies=none");
  const policies = await withDisk(disk, async (reader) =>
    (await reader.readStream(streams.learner("tiny")))
      .filter(({ type }) => type === "policy.updated")
      .map(({ data }) => (data as EventData<"policy.updated">).policyAfter),
  );
  const from = (policy: (typeof policies)[number] | null) =>
    withDisk(disk, async (reader) => {
      const place = { reader, run: "tiny", started: await startedIn(reader) };
      const at = { trajectory: "2.0.0", turn: 0, policy, optimizer: noOptimizer };
      return forkAtTurn({ ...place, ...at });
    });
  const reason = await from(null).then(
    () => "it was not",
    (thrown: Error) => thrown.message,
  );
  assert.match(
    reason,
    /^the policy of 2\.0\.0, sha256:\w+ was pruned by .*: --policy STEP, of 0, 3, 4$/,
  );
  const last = policies.at(-1) ?? null;
  assert.is((await from(last)).start.policy, last);
});

test.run();
