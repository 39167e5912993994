// What a run of the ablation came to, folded from its ledger: figures that are kept when the ledger
// is not. Shares are percentages, 0–100.

import { baseName } from "../../cli/run/results.ts";
import type { EvaluationLog, RunLog } from "../../cli/run/run-log.ts";
import { sets } from "./arms.ts";

/** One evaluation. */
export interface EvaluationRecord {
  /** Exact match. */
  readonly right: number;
  /** Spoilt images that ended as the right repair would have them. */
  readonly repaired: number | null;
  /** Clean images on which a tool was called. */
  readonly needlessCalls: number | null;
  /** Calls per trajectory, of programs and searches. */
  readonly calls: number;
  /** Calls that gave no result. */
  readonly failedCalls: number;
}

/** The evaluations of a policy. */
export type PolicyRecord = Readonly<Record<keyof typeof sets, EvaluationRecord>>;

export interface RunRecord {
  readonly arm: string;
  readonly seed: number;
  /** Of the steps, from the first: the mean reward, and the share of right answers. */
  readonly rewards: readonly number[];
  readonly right: readonly number[];
  /** Exact match in the main evaluations on the way, and after the last step. */
  readonly curve: readonly { readonly step: number; readonly right: number }[];
  /** Before training, where that was evaluated. */
  readonly before: PolicyRecord | null;
  readonly after: PolicyRecord;
}

/** The record of a complete run. */
export function recordOf(log: RunLog, { arm, seed }: Pick<RunRecord, "arm" | "seed">): RunRecord {
  const evaluations = [...log.evaluations.values()];
  const after = policyRecord(log, evaluations, "after");
  if (!log.completed || after === null) {
    throw new Error(`the run of ${arm}, seed ${seed}, is not complete`);
  }
  const judged = [...log.steps.keys()]
    .sort((a, b) => a - b)
    .map((step) => log.judged.get(String(step)) ?? []);
  const onTheWay = evaluations.filter(
    ({ name, moment }) => moment === "every" && baseName(name) === sets.main.name,
  );
  return {
    arm,
    seed,
    rewards: judged.map((members) => rounded(meanOf(members.map(({ reward }) => reward)))),
    right: judged.map((members) => rounded(100 * meanOf(members.map(({ em }) => em)))),
    curve: [
      ...onTheWay.map(({ step, summary }) => ({ step, right: rounded(summary?.em ?? Number.NaN) })),
      { step: log.stepsLearned, right: after.main.right },
    ],
    before: policyRecord(log, evaluations, "before"),
    after,
  };
}

function policyRecord(
  log: RunLog,
  evaluations: readonly EvaluationLog[],
  moment: "before" | "after",
): PolicyRecord | null {
  const of = (set: keyof typeof sets) => {
    const found = evaluations.find(
      (one) => one.moment === moment && one.name === sets[set].name && one.summary !== null,
    );
    return found === undefined ? null : evaluationRecord(log, found);
  };
  const [main, pairs, noTool] = [of("main"), of("pairs"), of("noTool")];
  return main && pairs && noTool && { main, pairs, noTool };
}

function evaluationRecord(log: RunLog, { evaluation, summary }: EvaluationLog): EvaluationRecord {
  const played = log.ended.get(`e${evaluation}`) ?? 0;
  const tools = log.tools.get(`e${evaluation}`) ?? { python: 0, search: 0, failed: 0 };
  const calls = tools.python + tools.search;
  const share = (value: number | null | undefined) => (value == null ? null : rounded(value));
  return {
    right: rounded(summary?.em ?? Number.NaN),
    repaired: share(summary?.repaired),
    needlessCalls: share(summary?.needlessCalls),
    calls: rounded(calls / Math.max(1, played)),
    failedCalls: rounded((100 * tools.failed) / Math.max(1, calls)),
  };
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Four decimals are kept. */
const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
