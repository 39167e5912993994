// Search over a million passages on the disk: minutes, and 1.5 GB of the temporary folder.
import type { BenchOptions, BenchRows } from "./shared/row.ts";
import { searchRows } from "./shared/search-rows.ts";

/** How long it takes, about. */
export const seconds = 300;
/** Too much for who only wants to measure the machine. */
export const onlyByName = true;
const passagesMeasured = 1_000_000;
const queries = 500;

/** Measures over `size` passages. */
export function rows({ size = passagesMeasured }: BenchOptions = {}): Promise<BenchRows> {
  return searchRows({ passages: size, queries, name: "search-million" });
}
