// The component of a reward that a language model answers for, at its server or from the record.
import type { RunConfig } from "../../config/index.ts";
import { AnswerJudge, promptVersion } from "./answer-judge.ts";
import type { MeasuredComponent } from "./book.ts";
import { exactMatchOf, rulesOf } from "./components.ts";
import { RewardSetupError } from "./errors.ts";
import type { Played } from "./played.ts";

/** What a judge said of a trajectory before; null: nothing. */
export type Verdicts = (trajectory: string) => number | null;

/** The function that is recorded with a verdict. */
export const judgeFunction = `judge@1+${promptVersion}`;

export interface JudgeOptions {
  readonly config: Pick<RunConfig, "reward">;
  /** Variables that a key may be in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** What this very judge has said already: nobody is asked again. */
  readonly verdicts?: Verdicts | undefined;
}

/** `[reward.judge]`, where it is there. @throws {RewardSetupError} its key is not set */
export function judgeComponents(options: JudgeOptions): MeasuredComponent[] {
  const { judge } = options.config.reward;
  if (judge === undefined) return [];
  const { verdicts } = options;
  const asking = lazily(() => asked(judge, options));
  // A key that is not set is told before anything is judged.
  if (verdicts === undefined) asking();
  const measure = (played: Played) => verdicts?.(played.trajectory) ?? asking()(played);
  return [{ name: "judge", function: judgeFunction, measure }];
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

type JudgeSettings = NonNullable<RunConfig["reward"]["judge"]>;

function asked(judge: JudgeSettings, { env, signal }: JudgeOptions): MeasuredComponent["measure"] {
  const { apiKeyVariable, url, model, requestsMax, timeoutMs, attemptsMax } = judge;
  const apiKey = apiKeyVariable === undefined ? null : (env[apiKeyVariable] ?? null);
  if (apiKeyVariable !== undefined && apiKey === null) {
    throw new RewardSetupError(
      `the variable ${apiKeyVariable}, which reward.judge.api_key_variable names, is not set`,
    );
  }
  const limits = { requestsMax, timeoutMs, attemptsMax };
  const judging = new AnswerJudge({ url, model, apiKey, ...limits, signal });
  return async (played: Played) => {
    const { answer, task } = played;
    if (answer === null) return 0;
    // What equals a gold needs no judge.
    if (exactMatchOf(played, rulesOf({ weight: 0, rules: "corrected" })) === 1) return 1;
    return judging.judge({ question: task.question, golds: task.answers, answer });
  };
}
