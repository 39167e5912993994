// Search over a corpus on the disk, of a size that is measured in passing.
import type { BenchOptions, BenchRows } from "./shared/row.ts";
import { searchRows } from "./shared/search-rows.ts";

/** How long it takes, about. */
export const seconds = 20;
const passagesMeasured = 30_000;
const queries = 200;

/** Measures over `size` passages. */
export function rows({ size = passagesMeasured }: BenchOptions = {}): Promise<BenchRows> {
  return searchRows({ passages: size, queries, name: "search" });
}
