// The end of a run: before against after, as a table for people and as one line for scripts.
import { assert } from "../../events/index.ts";
import type { EvaluationLog, Moment, RunLog } from "./run-log.ts";
import { type Score, type ScoreRow, scoreRows } from "./scores.ts";

/** One side of the comparison. Percentages 0–100; null where it was not measured. */
export interface ResultSide {
  /** Sampled. */
  readonly em: number | null;
  readonly emGreedy: number | null;
  readonly f1: number | null;
  readonly n: number;
  /** Degraded images that ended as the right repair would have them. */
  readonly repaired: number | null;
  /** Clean images on which a tool was called. */
  readonly needlessCalls: number | null;
  readonly kinds: Readonly<Record<string, Score>>;
}

/** The last line of `train` and `eval`. */
export interface RunResultLine {
  readonly type: "result";
  readonly run: string;
  readonly policy: string | null;
  readonly steps: number;
  readonly wallSeconds: number;
  readonly eval: {
    readonly before: ResultSide | null;
    readonly after: ResultSide | null;
    readonly noTool: ResultSide | null;
    /** Every set by its name in the configuration. */
    readonly sets: Readonly<Record<string, Readonly<Partial<Record<Moment, ResultSide>>>>>;
  };
}

/** An evaluation with its rows. */
export interface ScoredEvaluation {
  readonly log: EvaluationLog;
  readonly rows: readonly ScoreRow[];
}

/** The evaluations that were completed, scored; one that was played in parts is one. */
export function scoredEvaluations(log: RunLog): readonly ScoredEvaluation[] {
  const completed = [...log.evaluations.values()]
    .filter(({ summary }) => summary !== null)
    .sort((a, b) => a.evaluation - b.evaluation);
  return partsOf(completed).map((parts) => scoredParts(parts, log));
}

/** Evaluations of one name at one place of the run, together. */
function partsOf(evaluations: readonly EvaluationLog[]): readonly (readonly EvaluationLog[])[] {
  const sets = new Map<string, EvaluationLog[]>();
  for (const one of evaluations) {
    const key = `${one.name} ${one.step} ${one.moment}`;
    sets.set(key, [...(sets.get(key) ?? []), one]);
  }
  return [...sets.values()];
}

function scoredParts(parts: readonly EvaluationLog[], log: RunLog): ScoredEvaluation {
  const [first, ...others] = parts;
  assert(first !== undefined, "an evaluation has at least one part");
  const groups = parts.flatMap((part) => part.groups);
  let before = 0;
  const judged = parts.flatMap(({ evaluation, groups: { length } }) => {
    const ofPart = log.judged.get(`e${evaluation}`) ?? [];
    const placed = ofPart.map((one) => ({ ...one, group: one.group + before }));
    before += length;
    return placed;
  });
  const rows = scoreRows(groups, judged, first.name);
  if (others.length === 0) return { log: first, rows };
  const tasks = parts.reduce((sum, part) => sum + part.tasks, 0);
  // Shares of images are told of whole evaluations only: a part does not say how many it had.
  const summary = first.summary && { ...first.summary, repaired: null, needlessCalls: null };
  return { log: { ...first, groups, tasks, summary }, rows };
}

/** The stable last line. */
export function resultLine(log: RunLog, run: string, wallSeconds: number): RunResultLine {
  const scored = scoredEvaluations(log);
  const setOf = setNames(log);
  const main = scored[0] === undefined ? null : setOf(scored[0].log.name);
  const side = (moment: Moment, tools: boolean) => {
    const members = scored.filter(
      ({ log: { name, moment: when, sampling } }) =>
        when === moment && sampling.tools === tools && setOf(name) === main,
    );
    return members.length === 0 ? null : sideOf(members);
  };
  const sets: Record<string, Partial<Record<Moment, ResultSide>>> = {};
  for (const one of scored) {
    const name = baseName(one.log.name);
    // Of the evaluations along the way the latest stands for all.
    sets[name] = { ...sets[name], [one.log.moment]: sideOf([one]) };
  }
  return {
    type: "result",
    run,
    policy: log.policy,
    steps: log.stepsLearned,
    wallSeconds: Math.round(wallSeconds * 10) / 10,
    eval: {
      before: side("before", true),
      after: side("after", true),
      noTool: side("after", false) ?? side("before", false),
      sets,
    },
  };
}

function sideOf(members: readonly ScoredEvaluation[]): ResultSide {
  const sampled = members.find(({ log }) => !log.sampling.greedy);
  const greedy = members.find(({ log }) => log.sampling.greedy);
  const shown = sampled ?? greedy;
  const all = (one: ScoredEvaluation | undefined) => one?.rows[0] ?? null;
  const kinds = (shown?.rows ?? []).filter(
    ({ level, label }, _, rows) => level === "kind" || (level === "task" && !hasKinds(rows, label)),
  );
  return {
    em: all(sampled)?.em ?? null,
    emGreedy: all(greedy)?.em ?? null,
    f1: all(shown)?.f1 ?? null,
    n: all(shown)?.n ?? 0,
    repaired: shown?.log.summary?.repaired ?? null,
    needlessCalls: shown?.log.summary?.needlessCalls ?? null,
    kinds: Object.fromEntries(kinds.map(({ label, level: _, ...score }) => [label, score])),
  };
}

/** Whether the row after the task's own is one of its kinds. */
function hasKinds(rows: readonly ScoreRow[], task: string): boolean {
  const place = rows.findIndex(({ level, label }) => level === "task" && label === task);
  return rows[place + 1]?.level === "kind";
}

/** `singles@40` → `singles`. */
export function baseName(name: string): string {
  return name.split("@")[0] ?? name;
}

/** Evaluation name → the set of tasks that it plays, by the recorded configuration. */
function setNames(log: RunLog): (name: string) => string {
  const config = log.started?.config as
    | { readonly evaluation?: { readonly sets?: readonly { name: string; set: string }[] } }
    | undefined;
  const sets = new Map((config?.evaluation?.sets ?? []).map(({ name, set }) => [name, set]));
  return (name) => sets.get(baseName(name)) ?? baseName(name);
}
