// An adapter melted into its base: weight + scale · up · down, as peft's merge_and_unload does.
import { assert } from "../../events/index.ts";
import { readConfig } from "../config.ts";
import { openCheckpoint, requireFloat, type TensorType } from "../input/index.ts";
import { openAdapter } from "./read-adapter.ts";
import { type Rewrite, rewriteCheckpoint } from "./rewrite-checkpoint.ts";

/** How a merge is written. */
export type MergeOptions = Pick<Rewrite, "dtype" | "onProgress" | "signal">;

/** What was merged. */
export interface Merged {
  readonly layers: number;
  /** What the adapter was trained on, by its own account. */
  readonly adapterBase: string | null;
  /** The types in which merged weights were written. */
  readonly types: readonly TensorType[];
}

/**
 * Writes the checkpoint in `base` with the adapter in `adapter` to the new folder `directory`.
 *
 * @throws CheckpointError, ModelConfigError, AdapterError, OutputError
 */
export async function mergeAdapter(
  base: string,
  adapter: string,
  directory: string,
  options: MergeOptions,
): Promise<Merged> {
  const checkpoint = await openCheckpoint(base);
  const opened = await openAdapter(adapter, await readConfig(base));
  const changes = new Map(
    [...opened.layers.values()].map(({ layer, shape, rank, scale, read }) => {
      const name = `${layer}.weight`;
      requireFloat(name, checkpoint.entry(name, shape));
      const change = async () => {
        const { down, up } = await read();
        return addProduct(await checkpoint.readFloat32(name), { down, up, rank, scale });
      };
      return [name, change];
    }),
  );
  const types = await rewriteCheckpoint(base, directory, { ...options, changes });
  return { layers: opened.layers.size, adapterBase: opened.base, types };
}

interface Product {
  /** [rank, in] and [out, rank]. */
  readonly down: Float32Array;
  readonly up: Float32Array;
  readonly rank: number;
  readonly scale: number;
}

/**
 * weight [out, in] + scale · up · down, in place. Each element is summed in float64 and rounded to
 * float32 once, in an order that does not depend on the machine.
 */
export function addProduct(weight: Float32Array, { down, up, rank, scale }: Product): Float32Array {
  const inSize = down.length / rank;
  const outSize = up.length / rank;
  assert(weight.length === outSize * inSize, "the adapter has the shape of its layer");
  const sums = new Float64Array(inSize);
  for (let out = 0; out < outSize; out++) {
    sums.fill(0);
    for (let index = 0; index < rank; index++) {
      const factor = scale * (up[out * rank + index] ?? 0);
      const from = index * inSize;
      for (let column = 0; column < inSize; column++) {
        sums[column] = (sums[column] ?? 0) + factor * (down[from + column] ?? 0);
      }
    }
    const start = out * inSize;
    for (let column = 0; column < inSize; column++) {
      weight[start + column] = (weight[start + column] ?? 0) + (sums[column] ?? 0);
    }
  }
  return weight;
}
