// Whether weights and config have as many layers.
import type { ModelConfig } from "../config.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { CheckpointError } from "./errors.ts";

const layerName = /^(model\.layers|visual\.blocks)\.(\d+)\./;

/**
 * A config that names fewer layers than the files hold would make another, smaller model of them.
 * Layers that the files lack are found when they are opened.
 *
 * @throws CheckpointError naming the tensor, its file and the key
 */
export function requireLayers(
  { tensors }: Pick<Checkpoint, "tensors">,
  { text, vision }: Pick<ModelConfig, "text" | "vision">,
): void {
  for (const [tensor, { file }] of tensors) {
    const [, stack, index] = layerName.exec(tensor) ?? [];
    if (stack === undefined) continue;
    const [key, count] =
      stack === "model.layers"
        ? ["num_hidden_layers", text.layerCount]
        : ["vision_config.depth", vision.layerCount];
    if (Number(index) < count) continue;
    throw new CheckpointError(
      "checkpoint.layers",
      `${file}: tensor ${tensor} is of layer ${index}, counted from 0, but config.json has ` +
        `${key} = ${count}; weights and config are from different models`,
      { facts: { file, tensor, key, count } },
    );
  }
}
