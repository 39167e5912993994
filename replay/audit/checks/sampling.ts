// Whether two samplings are the same.
import type { Sampling } from "../../../events/index.ts";

export function sameSampling(a: Sampling, b: Sampling): boolean {
  return a.temperature === b.temperature && a.greedy === b.greedy && a.tools === b.tools;
}
