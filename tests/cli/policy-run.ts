// A run of a few steps in a ledger on the disk: its policies and nothing else.
import { join } from "node:path";
import { checkpointHash } from "../../actors/index.ts";
import { loadRunConfig } from "../../config/index.ts";
import { event, type HashName, hashName, type NewEvent, streams } from "../../events/index.ts";
import { openLedger } from "../../storage/index.ts";

export interface PolicyRun {
  readonly run: string;
  /** The run's checkpoint. */
  readonly directory: string;
  /** The value of `tune`, in TOML. */
  readonly tune: string;
  /** The bytes of the policy before the first step and after each one. */
  readonly policies: readonly Uint8Array[];
  /** Policies that are named and not stored. */
  readonly lost?: readonly number[];
}

/** Writes the run below `runs`; the names of its policies. */
export async function writePolicyRun(runs: string, given: PolicyRun): Promise<readonly HashName[]> {
  const { run, directory, tune, policies, lost = [] } = given;
  const overrides = [`model.directory=${JSON.stringify(directory)}`, `tune=${tune}`];
  const config = await loadRunConfig("config/quickstart.toml", overrides);
  const names = policies.map((bytes) => hashName(bytes));
  const ledger = await openLedger(join(runs, run), { clock: () => 1_700_000_000_000 });
  for (const [step, bytes] of policies.entries()) {
    if (!lost.includes(step)) await ledger.blobs.put(bytes);
  }
  let commands = 0;
  const append = async (stream: string, ...events: readonly NewEvent[]) => {
    commands += 1;
    const parts = [{ stream, expected: null, epoch: 0, events }];
    await ledger.append({ command: `${commands}`, by: "test", trace: null, blobs: [], parts });
  };
  const nameOf = (step: number) => names[step] ?? hashName(new Uint8Array());
  const optimizer = hashName(new Uint8Array());
  const numericClass = { code: "c", onnxruntime: "o", device: "d", sandbox: "s" };
  const base = await checkpointHash(directory);
  const started = { run, seed: 1, config, numericClass, base, policy: nameOf(0), optimizer };
  await append(streams.run(run), event("run.started", started));
  for (let step = 1; step < policies.length; step++) {
    const hashes = { policyBefore: nameOf(step - 1), policyAfter: nameOf(step) };
    const optimizers = { optimizerBefore: optimizer, optimizerAfter: optimizer };
    const data = { step, ...hashes, ...optimizers, optimizerStored: false };
    await append(streams.learner(run), event("policy.updated", data));
  }
  await ledger.close();
  return names;
}
