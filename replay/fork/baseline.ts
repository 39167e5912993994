// The baseline that a fork's reward compares with (`reward.correction.baseline_sets`): its parent
// has played it before the first step, and the fork brings along what it came to.
import { encodeBaseline, playedBefore, RewardSetupError } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { ForkError } from "./errors.ts";

export interface BaselinePlace {
  readonly reader: Pick<LedgerReader, "readStream" | "blobs">;
  /** The parent's name. */
  readonly run: string;
  /** The fork's settings. */
  readonly config: RunConfig;
}

/** The bytes of the baseline; null where the reward asks for none. @throws {ForkError} */
export async function baselineOf({
  reader,
  run,
  config,
}: BaselinePlace): Promise<Uint8Array | null> {
  const sets = config.reward.correction?.baselineSets;
  if (sets === undefined) return null;
  const readStream: LedgerReader["readStream"] = (...asked) => reader.readStream(...asked);
  const ask = playedBefore(readStream, run, (name) => reader.blobs.get(name));
  try {
    const { exactMatch, isCarried, isOver } = await ask(sets);
    if (!isOver) throw new ForkError(`${run} ${unfinished(sets)}`);
    for (const name of isCarried ? [] : sets) {
      if ((await ask([name])).exactMatch.size === 0)
        throw new ForkError(`${run} ${unplayed(name)}`);
    }
    return encodeBaseline({ sets, exactMatch });
  } catch (thrown) {
    if (!(thrown instanceof RewardSetupError)) throw thrown;
    throw new ForkError(thrown.message, { cause: thrown });
  }
}

const unfinished = (sets: readonly string[]) =>
  `may still be playing its baseline, ${sets.join(", ")} (reward.correction.baseline_sets): fork it ` +
  "once its first step has begun";

const unplayed = (name: string) =>
  `did not play ${name} (reward.correction.baseline_sets) before its first step: name answers to ` +
  "the tasks as reward.correction.baseline_file";
