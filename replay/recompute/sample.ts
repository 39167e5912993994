// Which part of a run is computed again, where not all of it is. The choice follows from the hash
// of the whole ledger, so that whoever wrote the run could not know it while it was written.
import { RandomStream } from "../../events/index.ts";

/** Whether item `index` of `count` is in the sample: evenly spread, at least one of them. */
export type Sample = (purpose: string, index: number, count: number) => boolean;

/** @param share of everything, above 0, at most 1 */
export function sampleOf(share: number, ledgerHash: string): Sample {
  return (purpose, index, count) => {
    const kept = Math.min(1, Math.max(share, 1 / count));
    const start = new RandomStream("replay-sample", ledgerHash, purpose).integer(count);
    const place = (index + start) % count;
    return Math.floor((place + 1) * kept) > Math.floor(place * kept);
  };
}
