// The one order in which gradients are added. Float32 addition is not associative, so the order is
// part of the result: rows within a micro-batch (the engine), micro-batches within a shard, shards
// by index.
import { assert } from "../../events/index.ts";
import type { Tensors } from "./ports.ts";

/** Adds up gradients in the order in which they come. */
export class GradientSum {
  #sum: Map<string, Float32Array> | null = null;

  add(gradient: Tensors): void {
    if (this.#sum === null) {
      this.#sum = new Map([...gradient].map(([name, values]) => [name, values.slice()]));
      return;
    }
    assert(gradient.size === this.#sum.size, "gradients of one policy have the same tensors");
    for (const [name, total] of this.#sum) {
      const values = gradient.get(name);
      assert(values?.length === total.length, `the gradient of ${name} has another shape`);
      for (let index = 0; index < total.length; index++) {
        total[index] = (total[index] as number) + (values[index] as number);
      }
    }
  }

  /** The sum; asserts that something was added. */
  take(): Tensors {
    assert(this.#sum !== null, "a sum has at least one gradient");
    return this.#sum;
  }
}
