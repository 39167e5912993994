// A policy that an evaluation was given: an adapter from its folder, or what another run learned.
// It is read once, when the evaluation begins, and stored with it under its hash.
import type { RunConfig } from "../../config/index.ts";
import { assert } from "../../events/index.ts";
import {
  adapterPolicy,
  type ModelConfig,
  openAdapter,
  type TensorCodec,
} from "../../model/index.ts";
import { openLedgerReader } from "../../storage/index.ts";
import { EvidenceError } from "../errors.ts";

/**
 * The bytes of the policy that `config` names; null where it is the checkpoint as it is.
 *
 * @throws AdapterError, EvidenceError
 */
export async function givenPolicy(
  { policy, tune }: RunConfig,
  model: ModelConfig,
  codec: TensorCodec,
): Promise<Uint8Array | null> {
  if (policy === undefined) return null;
  assert(policy.type !== "server", "the policy of a server has no weights here");
  if (policy.type === "adapter") {
    const { tuning, parameters } = await adapterPolicy(
      await openAdapter(policy.directory, model),
      model,
    );
    const isSame = tune.type === "lora" && tune.rank === tuning.rank && tune.alpha === tuning.alpha;
    if (!isSame) {
      throw new EvidenceError(
        `the adapter ${policy.directory} is not the one that the evaluation began with: its rank ` +
          "or its alpha differs",
      );
    }
    return codec.encode(parameters);
  }
  const reader = await openLedgerReader(policy.run);
  try {
    const bytes = await reader.blobs.get(policy.policy);
    if (bytes !== null) return bytes;
    const step = `the policy ${policy.policy} after step ${policy.step}`;
    throw new EvidenceError(`${step} is not stored in ${policy.run}`);
  } finally {
    await reader.close();
  }
}
