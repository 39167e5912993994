// The components of a reward that follow from the trajectory alone. Pure; each is 0–1 and has a
// version, which is raised whenever an equal trajectory gives another value.
import {
  exactMatch,
  f1,
  labelReward,
  labelsIn,
  type MetricRules,
  metricRules,
  parseAction,
  problems,
  referenceAccuracy,
  referenceFormat,
  type Similarity,
} from "../../tasks/index.ts";
import type { JudgedTurn, Played } from "./played.ts";
import type { RewardSettings } from "./reward.ts";

type MetricSettings = NonNullable<RewardSettings["f1"]>;

const presets = {
  corrected: metricRules.corrected,
  "reference-training": metricRules.referenceTraining,
  "reference-coding": metricRules.referenceCoding,
  "reference-search": metricRules.referenceSearch,
} as const;

/** The rules that a metric's settings name. */
export function rulesOf({ rules, overlap, cjk }: MetricSettings): MetricRules {
  return { ...presets[rules], ...(overlap && { overlap }), ...(cjk && { cjk }) };
}

export const f1Of = ({ answer, task }: Played, rules: MetricRules): number =>
  f1(answer, task.answers, rules);

export const exactMatchOf = ({ answer, task }: Played, rules: MetricRules): number =>
  exactMatch(answer, task.answers, rules);

/**
 * The share of troubles that were named and are there: |named ∩ there| / |named ∪ there| of the
 * first diagnosis. 0 where none was made, or where the task's kind names no trouble.
 */
export function diagnosisOf({ task, turns }: Played): number {
  const there = troublesOf(task.kind);
  const first = firstDiagnosis(turns);
  if (there === null || first?.action.kind !== "problem") return 0;
  const named = new Set<string>(first.action.problems);
  const both = there.filter((name) => named.has(name)).length;
  return both / (named.size + there.length - both);
}

/** The same as the reference pays it: all labels 1, the rotation of a pair ½, else 0. */
export function referenceDiagnosisOf({ task, turns }: Played): number {
  const there = troublesOf(task.kind);
  const first = firstDiagnosis(turns);
  if (there === null || first === undefined) return 0;
  return labelReward(labelsIn(first.text), [...there].sort());
}

const firstDiagnosis = (turns: readonly JudgedTurn[]) =>
  turns.find(({ action }) => action.kind === "problem");

/** `rotation90+dark` as its parts; null where a part is no trouble that the protocol knows. */
function troublesOf(kind: string): readonly string[] | null {
  const parts = kind.split("+");
  return parts.every((part) => (problems as readonly string[]).includes(part)) ? parts : null;
}

/** Whether a repair is due: nothing is to be done to an image of the kind `none`. */
export const isRepairDue = ({ task }: Played): boolean => task.kind !== "none";

const codeReward = 0.9;

/**
 * The reference's pay for code: 0.9 for any turn in which neither a diagnosis nor an answer stands,
 * whatever it holds and whatever became of it. 0 where no code is due.
 */
export function referenceCodeOf(played: Played): number {
  if (played.task.task !== "coding" || !isRepairDue(played)) return 0;
  const isCode = ({ text }: JudgedTurn) => !/<answer>|<problem>/.test(text);
  return played.turns.some(isCode) ? codeReward : 0;
}

/** 1 where each turn is one thought and one action by the reference's patterns. */
export function referenceFormatOf({ task, turns }: Played): number {
  const isRight = ({ text }: JudgedTurn) => {
    const solution = task.step?.solution ?? text;
    return referenceFormat({ task: task.task, content: text, solution }) === 1;
  };
  return turns.length > 0 && turns.every(isRight) ? 1 : 0;
}

/** How near a step comes to the teacher's, as the reference pays it, faults included. */
export function referenceStepOf({ task, turns }: Played, similarity: Similarity): number {
  const [turn] = turns;
  if (task.step === undefined || turn === undefined) return 0;
  const { solution } = task.step;
  return referenceAccuracy({ task: task.task, content: turn.text, solution }, similarity);
}

/**
 * How near a step comes to the teacher's: 0 for another action; of an answer its F1, of a search
 * the similarity of the queries, of a diagnosis the share of labels, of a program 1, as it is not
 * run.
 */
export function stepOf({ task, turns }: Played, similarity: Similarity): number {
  const [turn] = turns;
  if (task.step === undefined || turn === undefined) return 0;
  // The teacher's action has no thought before it.
  const wanted = parseAction(`<think></think>${task.step.solution}`);
  const { action } = turn;
  if (action.kind === "answer" && wanted.kind === "answer") {
    return f1(action.answer, [wanted.answer]);
  }
  if (action.kind === "search" && wanted.kind === "search") {
    return similarity(action.query, wanted.query);
  }
  if (action.kind === "problem" && wanted.kind === "problem") {
    const named = new Set<string>(action.problems);
    const both = wanted.problems.filter((name) => named.has(name)).length;
    return both / (named.size + wanted.problems.length - both);
  }
  return action.kind === "code" && wanted.kind === "code" ? 1 : 0;
}
