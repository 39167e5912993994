// A policy of a run: found in its ledger, verified.
//
// Invariant: what is found has the hash that the ledger gives the policy (I3): the blob's reader
// checks the bytes against the name.
import { EvidenceError } from "../../actors/index.ts";
import { type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { afterStep, type EventData, type HashName, streams } from "../../events/index.ts";
import { prunedWords, readPruned } from "../../replay/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { NotFoundError } from "../errors.ts";

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
  const policies = policiesAtStart(started);
  for (const { type, data } of await reader.readStream(streams.learner(run))) {
    if (type !== "policy.updated") continue;
    const updated = data as EventData<"policy.updated">;
    policies[updated.step] = updated.policyAfter;
  }
  const last = policies.length - 1;
  const wanted = step ?? last;
  const policy = policies[wanted];
  if (policy === undefined) {
    const { parent } = started;
    const mend = parent === undefined ? "" : `; it is a fork of ${parent.run}, which may have it`;
    const known = `it learned up to step ${last}${mend}`;
    throw new NotFoundError(`${run} has no policy after step ${wanted}; ${known}`);
  }
  const bytes = await reader.blobs.get(policy);
  if (bytes === null) throw await missing(reader, run, policies, wanted);
  const config = restoreRunConfig(started.config);
  return { run, step: wanted, policy, base: started.base, config, bytes };
}

/** Why a policy is not there, and which ones are. */
async function missing(
  reader: LedgerReader,
  run: string,
  policies: Policies,
  step: number,
): Promise<EvidenceError | NotFoundError> {
  const policy = policies[step] ?? "sha256:";
  const what = `the policy ${policy} after step ${step}`;
  const by = (await readPruned(reader)).of(policy);
  if (by === null) return new EvidenceError(`${what} is not stored in ${run}`);
  const kept: number[] = [];
  for (const [other, name] of policies.entries()) {
    if (name !== undefined && (await reader.blobs.has(name))) kept.push(other);
  }
  const shown = kept.slice(-keptShown).join(", ");
  return new NotFoundError(`${what} ${prunedWords(by)}; of the last steps here are ${shown}`);
}

/** Steps whose policies are named to whoever asked for one that is gone. */
const keptShown = 8;

/** By their steps; a fork has few of those before it. */
type Policies = readonly (HashName | undefined)[];

/** What a run began with; of a fork, with those of its parent that it has brought along. */
function policiesAtStart(started: EventData<"run.started">): (HashName | undefined)[] {
  const { step, earlier } = afterStep(started) ?? { step: 0, earlier: [] };
  const policies: (HashName | undefined)[] = [];
  for (const [back, policy] of [started.policy, ...earlier].entries()) {
    policies[step - back] = policy;
  }
  return policies;
}

async function startOf(reader: LedgerReader, run: string): Promise<EventData<"run.started">> {
  const [first] = await reader.readStream(streams.run(run), 1, 1);
  if (first?.type === "run.started") return first.data as EventData<"run.started">;
  throw new NotFoundError(`the run "${run}" was never started: it has no policy`);
}
