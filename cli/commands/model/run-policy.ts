// A policy of a run: found in its ledger, verified, and written for others.
//
// Invariants: 1. what is written has the hash that the ledger gives the policy (I3): the blob's
//                reader checks the bytes against the name;
//             2. a whole checkpoint is only made of the base that the run began with.
import { checkpointHash, EvidenceError, tuningOf } from "../../../actors/index.ts";
import { type RunConfig, restoreRunConfig } from "../../../config/index.ts";
import { type EventData, type HashName, streams } from "../../../events/index.ts";
import {
  decodeSafetensors,
  type Rewrite,
  readConfig,
  rewriteCheckpoint,
  TensorCodec,
  trainableParameters,
  writeAdapter,
} from "../../../model/index.ts";
import type { LedgerReader } from "../../../storage/index.ts";
import { NotFoundError } from "../../errors.ts";

/** Name of the file that says where an exported folder comes from. */
const originFile = "varft-policy.json";

/** A policy's bytes, and what the ledger says of them. */
export interface RunPolicy {
  readonly run: string;
  readonly step: number;
  readonly policy: HashName;
  /** Names the checkpoint that the run began with. */
  readonly base: HashName;
  readonly config: RunConfig;
  readonly bytes: Uint8Array;
}

/**
 * The policy after `step`, 0 being the start; null: the last one.
 *
 * @throws NotFoundError when there is no such step, EvidenceError when the policy is not stored,
 * LedgerError when its bytes are not those of its name
 */
export async function findPolicy(
  reader: LedgerReader,
  run: string,
  step: number | null,
): Promise<RunPolicy> {
  const started = await startOf(reader, run);
  const policies = [started.policy];
  for (const { type, data } of await reader.readStream(streams.learner(run))) {
    if (type !== "policy.updated") continue;
    const updated = data as EventData<"policy.updated">;
    policies[updated.step] = updated.policyAfter;
  }
  const last = policies.length - 1;
  const wanted = step ?? last;
  const policy = policies[wanted];
  if (policy === undefined) {
    throw new NotFoundError(`${run} has no policy after step ${wanted}; it learned ${last} steps`);
  }
  const bytes = await reader.blobs.get(policy);
  if (bytes === null) {
    throw new EvidenceError(`the policy ${policy} after step ${wanted} is not stored in ${run}`);
  }
  const config = restoreRunConfig(started.config);
  return { run, step: wanted, policy, base: started.base, config, bytes };
}

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
  const { run, step, policy, config, bytes } = found;
  const base = options.base ?? config.model.directory;
  const { tune } = config;
  const origin = { run, step, policy, base: found.base };
  const notes = { [originFile]: origin };
  if (tune.type === "lora") {
    const tensors = decodeSafetensors(bytes, `the policy ${policy}`);
    await writeAdapter(directory, { tensors, rank: tune.rank, alpha: tune.alpha, base, notes });
    const adaptsTower = tune.vision;
    return { run, step, policy, form: "adapter", base, types: ["F32"], adaptsTower };
  }
  const { changes, without } = await changesOf(found, base);
  const rewrite = { ...options, changes, without, notes };
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

async function startOf(reader: LedgerReader, run: string): Promise<EventData<"run.started">> {
  const [first] = await reader.readStream(streams.run(run), 1, 1);
  if (first?.type === "run.started") return first.data as EventData<"run.started">;
  throw new NotFoundError(`the run "${run}" was never started: it has no policy`);
}
