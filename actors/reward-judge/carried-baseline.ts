// The baseline that a run has played, as a fork of it brings it along: exact match by task, a blob
// of its own. The bytes are a function of what it says.
import { type AfterStep, decode, encode, type HashName } from "../../events/index.ts";
import { RewardSetupError } from "./errors.ts";

const baselineBytesMax = 64 * 1024 * 1024;

/** A baseline that was played before the first step. */
export interface CarriedBaseline {
  /** The evaluation sets that it was played in. */
  readonly sets: readonly string[];
  /** Means by task, 0–1. */
  readonly exactMatch: ReadonlyMap<string, number>;
}

/** The bytes of a baseline. */
export function encodeBaseline({ sets, exactMatch }: CarriedBaseline): Uint8Array {
  const tasks = [...exactMatch].sort(([a], [b]) => (a < b ? -1 : 1));
  return encode({ sets: sets.toSorted(), tasks }, baselineBytesMax);
}

/**
 * Exact match by task of the sets `names`, as the fork `run` has brought it along.
 * @throws {RewardSetupError} where it has not
 */
export async function carriedBaseline(
  run: string,
  { baseline }: Pick<AfterStep, "baseline">,
  names: readonly string[],
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
): Promise<ReadonlyMap<string, number>> {
  const asked = names.toSorted().join(", ");
  const bytes = baseline === undefined ? null : await readBlob(baseline);
  if (bytes === null) {
    const found = baseline === undefined ? "has brought none along" : `lacks ${baseline}`;
    throw new RewardSetupError(`the fork ${run} ${found}: no baseline of ${asked}; ${mend}`);
  }
  const { sets, tasks } = decode(bytes, baselineBytesMax) as {
    readonly sets: readonly string[];
    readonly tasks: readonly (readonly [id: string, exactMatch: number])[];
  };
  if (sets.join(", ") === asked) return new Map(tasks);
  throw new RewardSetupError(
    `the fork ${run} has the baseline of ${sets.join(", ")} and not of ${asked}; ${mend}`,
  );
}

const mend = "name answers to the tasks as reward.correction.baseline_file";
