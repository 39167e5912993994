// What the run's judge said, for another reward that asks the very same one: nobody is asked again.
import { judgeFunction, type Verdicts } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import type { RecordedRewards } from "./rewards.ts";

type Settings = RunConfig["reward"];

/** The recorded verdicts; undefined where `rejudged` asks another judge, or of other words. */
export function recordedVerdicts(
  recorded: Settings,
  rejudged: Settings,
  rewards: RecordedRewards,
): Verdicts | undefined {
  const isSame =
    recorded.judge !== undefined &&
    recorded.judge.url === rejudged.judge?.url &&
    recorded.judge.model === rejudged.judge.model &&
    // Else it spoke of the teacher's words, or of the model's.
    recorded.groundTruthInjection === rejudged.groundTruthInjection;
  if (!isSame) return undefined;
  return (trajectory) => {
    const verdict = rewards(trajectory)?.components.find(({ name }) => name === "judge");
    return verdict?.function === judgeFunction ? verdict.value : null;
  };
}
