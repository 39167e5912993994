// Reading a list where a hole would be a mistake of ours.
import { AssertionError } from "../../events/index.ts";

/** The item `index` of `items`, which must be there. */
export function itemAt<T>(items: ArrayLike<T>, index: number): T {
  const item = items[index];
  // The words are made only when they are needed: this runs once per token.
  if (item !== undefined) return item;
  throw new AssertionError(`item ${index} of ${items.length} is missing`);
}
