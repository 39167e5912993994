// Scores of judged trajectories, over all and by task and kind, with intervals of 95 %.

import { bootstrapInterval, type Interval, wilsonInterval } from "../statistics/index.ts";
import type { GroupKind, Judged } from "./run-log.ts";

/** Percentages, 0–100. */
export interface Score {
  /** Tasks. */
  readonly n: number;
  /** Trajectories per task; `em` and `f1` are means over all of them. */
  readonly samples: number;
  readonly em: number;
  readonly emInterval: Interval;
  /** Share of tasks that at least one of their samples solved: pass@samples. */
  readonly passed: number;
  readonly f1: number;
  readonly f1Interval: Interval;
}

/** A row of scores: `all`, a task, or a kind of a task. */
export interface ScoreRow extends Score {
  readonly label: string;
  readonly level: "all" | "task" | "kind";
}

/**
 * The rows: all, then each task with its kinds in alphabetical order. A task that has no other kind
 * than itself has no row of its own below it.
 * @param seed names the resamples of the F1 intervals
 */
export function scoreRows(
  groups: readonly GroupKind[],
  judged: readonly Judged[],
  seed: string,
): readonly ScoreRow[] {
  const known = judged.filter(({ group }) => groups[group] !== undefined);
  if (known.length === 0) return [];
  const rows: ScoreRow[] = [{ label: "all", level: "all", ...scoreOf(known, seed) }];
  const of = (key: keyof GroupKind, value: string) =>
    known.filter(({ group }) => groups[group]?.[key] === value);
  for (const task of distinct(groups.map((group) => group.task))) {
    const members = of("task", task);
    if (members.length === 0) continue;
    rows.push({ label: task, level: "task", ...scoreOf(members, seed) });
    const kinds = distinct(
      groups.filter((group) => group.task === task).map((group) => group.kind),
    );
    if (kinds.length === 1 && kinds[0] === task) continue;
    for (const kind of kinds) {
      const ofKind = members.filter(({ group }) => groups[group]?.kind === kind);
      if (ofKind.length > 0) rows.push({ label: kind, level: "kind", ...scoreOf(ofKind, seed) });
    }
  }
  return rows;
}

/**
 * The score of at least one trajectory. Samples of one task are no independent trials, so that
 * intervals are over tasks: Wilson's where each was tried once, else by bootstrap.
 */
export function scoreOf(judged: readonly Judged[], seed: string): Score {
  const tasks = byGroup(judged);
  const ems = tasks.map((samples) => mean(samples.map(({ em }) => em)));
  const f1s = tasks.map((samples) => mean(samples.map(({ f1 }) => f1)));
  const passed = tasks.filter((samples) => samples.some(({ em }) => em === 1)).length;
  const isTriedOnce = judged.length === tasks.length;
  return {
    n: tasks.length,
    samples: Math.round(judged.length / tasks.length),
    em: 100 * mean(ems),
    emInterval: percent(
      isTriedOnce ? wilsonInterval(passed, tasks.length) : bootstrapInterval(ems, seed),
    ),
    passed: (100 * passed) / tasks.length,
    f1: 100 * mean(f1s),
    f1Interval: percent(bootstrapInterval(f1s, seed)),
  };
}

function byGroup(judged: readonly Judged[]): readonly (readonly Judged[])[] {
  const groups = new Map<number, Judged[]>();
  for (const one of judged) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return [...groups.values()];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent([low, high]: Interval): Interval {
  return [100 * low, 100 * high];
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
