// A policy of a run, written for others.
//
// Invariant: a whole checkpoint is only made of the base that the run began with.
import { checkpointHash, EvidenceError, tuningOf } from "../../../actors/index.ts";
import type { HashName } from "../../../events/index.ts";
import {
  type Rewrite,
  readConfig,
  rewriteCheckpoint,
  TensorCodec,
  trainableParameters,
} from "../../../model/index.ts";
import { originOf, type RunPolicy, writeRunAdapter } from "../../evidence/index.ts";

/** How a policy is written. */
export type WritePolicyOptions = Pick<Rewrite, "dtype" | "onProgress" | "signal"> & {
  /** The folder of the run's checkpoint, where it is not where the run found it. */
  readonly base: string | null;
};

/** What was written. */
export interface WrittenPolicy {
  readonly run: string;
  readonly step: number;
  readonly policy: HashName;
  readonly form: "adapter" | "checkpoint";
  readonly base: string;
  /** The types in which its tensors were written. */
  readonly types: readonly string[];
  /** It is an adapter, and part of it sits on the vision tower. */
  readonly adaptsTower: boolean;
}

/** Writes a policy to the new folder `directory`: as it was tuned, as an adapter or in full. */
export async function writePolicy(
  found: RunPolicy,
  directory: string,
  options: WritePolicyOptions,
): Promise<WrittenPolicy> {
  const { run, step, policy, config } = found;
  const base = options.base ?? config.model.directory;
  const { tune } = config;
  if (tune.type === "lora") {
    await writeRunAdapter(found, directory, base);
    const adaptsTower = tune.vision;
    return { run, step, policy, form: "adapter", base, types: ["F32"], adaptsTower };
  }
  const { changes, without } = await changesOf(found, base);
  const rewrite = { ...options, changes, without, notes: originOf(found) };
  const types = await rewriteCheckpoint(base, directory, rewrite);
  return { run, step, policy, form: "checkpoint", base, types, adaptsTower: false };
}

/** The tuned tensors of a policy that was tuned in full, over the base it began with. */
async function changesOf(
  { policy, config, bytes, base }: RunPolicy,
  directory: string,
): Promise<Required<Pick<Rewrite, "changes" | "without">>> {
  const model = await readConfig(directory);
  const found = await checkpointHash(directory);
  if (found !== base) {
    throw new EvidenceError(
      `${directory} is ${found}, the run began with ${base}: files were changed since; name the ` +
        `folder of the run's own checkpoint with --base DIR`,
    );
  }
  const codec = new TensorCodec(trainableParameters(model, tuningOf(config)));
  const values = codec.decode(bytes, `the policy ${policy}`);
  return {
    changes: new Map([...values].map(([name, data]) => [name, async () => data])),
    // Some tools save a tied head beside the embedding that it is: a copy would be stale now.
    without: new Set(model.text.tieEmbeddings ? ["lm_head.weight"] : []),
  };
}
