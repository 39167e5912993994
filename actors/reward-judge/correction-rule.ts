// What a run's correction is measured by: a file of predictions, evaluations that the run itself
// played before its first step, or the group.
import { readFile } from "node:fs/promises";
import { assert, ensureError, type Task } from "../../events/index.ts";
import { readPredictions } from "../../tasks/index.ts";
import type { CorrectionRule } from "./book.ts";
import { type Baseline, baselineOfPredictions } from "./correction.ts";
import { RewardSetupError } from "./errors.ts";
import type { RewardSettings } from "./reward.ts";

/** What evaluations of some names came to that asked tasks before the first step of the run. */
export type PlayedBefore = (names: readonly string[]) => Promise<PlayedBaseline>;

export interface PlayedBaseline {
  /** By the tasks' ids, means over their samples, 0–1. */
  readonly exactMatch: ReadonlyMap<string, number>;
  /** Whether the parent of a fork has played them. */
  readonly isCarried: boolean;
  /** Whether the run is beyond them. */
  readonly isOver: boolean;
}

/** The rule of `[reward.correction]`; null without one. @throws {RewardSetupError} */
export async function correctionRule(
  { correction }: RewardSettings,
  playedBefore: PlayedBefore | undefined,
): Promise<CorrectionRule | null> {
  if (correction === undefined) return null;
  const { baselineFile, baselineSets } = correction;
  if (baselineFile !== undefined) {
    const baseline = await readBaseline(baselineFile);
    return { function: "correction@1+predictions", baseline: async () => baseline };
  }
  if (baselineSets === undefined) {
    return { function: "correction@1+group", baseline: async () => null };
  }
  assert(playedBefore !== undefined, "who judges a run can read what it played");
  let played: Promise<Baseline> | null = null;
  return {
    function: "correction@1+evaluation",
    async baseline(of) {
      // Evaluations may come before the baseline, and their tasks are not those of the training.
      if (of === "evaluation") return () => null;
      played ??= playedBefore(baselineSets).then((known) => trained(known, baselineSets));
      return played;
    },
  };
}

async function readBaseline(file: string): Promise<Baseline> {
  const text = await readFile(file, "utf8").catch((cause) => {
    const reason = ensureError(cause).message;
    throw new RewardSetupError(`reward.correction.baseline_file: ${reason}`, { cause });
  });
  const { rows } = readPredictions(file, text, { format: null, allowBadRows: false });
  return baselineOfPredictions(rows);
}

/** Every task that is trained on has a baseline. */
function trained({ exactMatch, isCarried }: PlayedBaseline, names: readonly string[]): Baseline {
  const mend = isCarried
    ? "and a fork has the baseline that its parent played: train on the parent's tasks, or name " +
      "answers to these as reward.correction.baseline_file"
    : "raise the tasks of its evaluation set";
  return ({ id }: Task) => {
    const value = exactMatch.get(id);
    if (value !== undefined) return value;
    throw new RewardSetupError(
      `the task ${id} has no baseline: ${names.join(", ")} (reward.correction.baseline_sets) did ` +
        `not ask it before the first step; ${mend}`,
    );
  };
}
