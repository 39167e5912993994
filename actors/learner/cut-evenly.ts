// Lists cut into parts: minibatches, shards, the work of several workers.
import { assert } from "../../events/index.ts";

/**
 * Cuts a list into `parts` runs whose lengths differ by one at most, longer ones first; empty runs
 * are left out.
 */
export function cutEvenly<T>(items: readonly T[], parts: number): T[][] {
  assert(Number.isInteger(parts) && parts > 0, `a list is cut into 1 or more parts, not ${parts}`);
  const runs: T[][] = [];
  for (let part = 0, start = 0; part < parts; part++) {
    const size = Math.floor(items.length / parts) + (part < items.length % parts ? 1 : 0);
    if (size > 0) runs.push(items.slice(start, start + size));
    start += size;
  }
  return runs;
}
