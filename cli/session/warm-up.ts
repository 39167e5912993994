// A warm start, from its settings to the folder on the disk.
import { warmStart } from "../../actors/index.ts";
import { hashName } from "../../events/index.ts";
import { encodeSafetensors, writeCheckpoint } from "../../model/index.ts";
import type { WarmUp } from "./types.ts";

/** Runs the stages, writes the checkpoint, and names its weights. */
export const warmUp: WarmUp = async (config, options) => {
  const content = await warmStart(config, options);
  options.signal.throwIfAborted();
  await writeCheckpoint(config.output, content);
  return hashName(encodeSafetensors(content.tensors, content.dtype));
};
