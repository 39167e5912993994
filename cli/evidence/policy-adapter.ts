// The adapter of a run's policy as a PEFT folder. Its bytes are a function of what the run has
// recorded: whoever has the record can make them again, and hold them against others. So other
// bytes for the same policy need a new version of bundles (docs/bundle.md).
import { EvidenceError } from "../../actors/index.ts";
import { assert } from "../../events/index.ts";
import { decodeSafetensors, writeAdapter } from "../../model/index.ts";
import type { RunPolicy } from "./find-policy.ts";

/** Name of the file that says where an exported folder comes from. */
const originFile = "varft-policy.json";

/** Files that say where a policy comes from, by their names. */
export function originOf({ run, step, policy, base }: RunPolicy) {
  return { [originFile]: { run, step, policy, base } };
}

/** Whether a run has adapters. @throws {EvidenceError} where it was tuned in full */
export function requireAdapters({
  run,
  config: { tune },
}: Pick<RunPolicy, "run" | "config">): void {
  if (tune.type === "lora") return;
  throw new EvidenceError(
    `${run} has no adapters, it tunes all weights: varft model export writes its policy as a checkpoint`,
  );
}

/**
 * Writes the adapter of a policy to the new folder `directory`.
 * @param base what it names as its base; by default the run's own folder of it
 */
export async function writeRunAdapter(
  found: RunPolicy,
  directory: string,
  base: string = found.config.model.directory,
): Promise<void> {
  const { policy, config, bytes } = found;
  const { tune } = config;
  assert(tune.type === "lora", "a run that tunes in full has no adapters");
  const tensors = decodeSafetensors(bytes, `the policy ${policy}`);
  const { rank, alpha } = tune;
  await writeAdapter(directory, { tensors, rank, alpha, base, notes: originOf(found) });
}
