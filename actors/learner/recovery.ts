// The learner's weights and optimizer after a restart, from the ledger alone: the last state that
// was stored in full, and every gradient since. What comes out must have the recorded hashes, else
// somebody has touched the evidence (I3).
import { assert, type HashName, hashName } from "../../events/index.ts";
import { EvidenceError } from "../errors.ts";
import type { AppliedGradient, LearnerContext, TrailStart } from "./machine.ts";
import type { LearnerState, PolicyOptimizer, PolicyTrainer } from "./ports.ts";

type ReadBlob = (name: HashName) => Promise<Uint8Array | null>;

export interface RecoveryParts<S> {
  readonly trainer: Pick<PolicyTrainer, "decodePolicy" | "encodePolicy">;
  readonly optimizer: PolicyOptimizer<S>;
  readonly readBlob: ReadBlob;
}

/** The state that `context` names: before its batch, or after its last step. */
export async function recoverState<S>(
  parts: RecoveryParts<S>,
  { start, trail, checks, policy, optimizer }: LearnerContext,
): Promise<LearnerState<S>> {
  assert(start && policy && optimizer, "there is a state to recover once there is a batch");
  let state = await loadState(parts, start);
  for (const check of checks) {
    for (const applied of trail.filter(({ step }) => step === check.step)) {
      state = parts.optimizer.step(state, ...(await loadGradient(parts, applied))).state;
    }
    const derived = hashName(parts.optimizer.encode(state.optimizer));
    if (derived !== check.optimizer) {
      throw new EvidenceError(
        `the optimizer after step ${check.step} comes out as ${derived}, recorded is ${check.optimizer}`,
      );
    }
  }
  const derived = hashName(parts.trainer.encodePolicy(state.policy));
  if (derived !== policy) {
    throw new EvidenceError(`the policy comes out as ${derived}, recorded is ${policy}`);
  }
  return state;
}

async function loadState<S>(
  { trainer, optimizer, readBlob }: RecoveryParts<S>,
  start: TrailStart,
): Promise<LearnerState<S>> {
  const policy = trainer.decodePolicy(await stored(readBlob, start.policy, "policy"));
  const state = optimizer.decode(await stored(readBlob, start.optimizer, "optimizer state"));
  return { policy, optimizer: state };
}

async function loadGradient<S>(
  { optimizer, readBlob }: RecoveryParts<S>,
  { gradient, learningRate }: AppliedGradient,
): Promise<[gradient: ReturnType<typeof optimizer.decodeGradient>, learningRate: number]> {
  const bytes = await stored(readBlob, gradient, "gradient");
  return [optimizer.decodeGradient(bytes), learningRate];
}

async function stored(readBlob: ReadBlob, name: HashName, what: string): Promise<Uint8Array> {
  const bytes = await readBlob(name);
  if (bytes !== null) return bytes;
  throw new EvidenceError(
    `the ${what} ${name} is not stored: raise storage.gradient_bytes_max or store the optimizer ` +
      "more often to be able to resume",
  );
}
