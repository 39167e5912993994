// The figures of an evaluation: each set scored, and its failures by cause. Pure.
import { benchmarkItems, type PaperColumn } from "../../tasks/index.ts";
import { type ScoreReport, scoreJson } from "../score/index.ts";
import type { PlayedItem, PlayedSet, Unanswered } from "./items.ts";
import { scoreSet } from "./predictions.ts";

/** A set with its score. */
export interface SetSummary {
  readonly set: PlayedSet;
  readonly report: ScoreReport;
  /** Items of the benchmark that were not played, where it is a published one. */
  readonly left: number;
  /** Items by why they have no answer. */
  readonly causes: Readonly<Record<Unanswered, number>>;
  /** Items in which at least one tool call gave no result. */
  readonly faulty: number;
  /** Tool calls that gave no result, by cause. */
  readonly faults: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly turns: number;
}

const causes: readonly Unanswered[] = [
  "turn limit",
  "context limit",
  "token limit",
  "unparsable",
  "filtered",
];

/** The sets of which something was played, scored. @param seed names the resamples */
export function summarizeSets(sets: readonly PlayedSet[], seed: number): readonly SetSummary[] {
  return sets.flatMap((set) => {
    const report = scoreSet(set, seed);
    if (report === null) return [];
    const items = set.items.map((item, at) => withCause(item, report.items[at]?.cause ?? null));
    const whole = benchmarkItems[set.benchmark];
    return [
      {
        set,
        report,
        left: whole === undefined ? 0 : Math.max(0, whole - items.length),
        causes: Object.fromEntries(
          causes.map((cause) => [cause, items.filter((item) => item.cause === cause).length]),
        ) as SetSummary["causes"],
        faulty: items.filter(({ faults }) => faults.length > 0).length,
        faults: countsOf(items.flatMap(({ faults }) => faults)),
        calls: sum(items, ({ calls }) => calls),
        turns: sum(items, ({ turns }) => turns),
      },
    ];
  });
}

/** F1 and exact match by the reference's rules, for each column of the paper that the set fills. */
export function columnsOf({
  set,
  report,
}: SetSummary): ReadonlyMap<PaperColumn, readonly [number, number]> {
  const columns = new Map<PaperColumn, readonly [number, number]>();
  if (benchmarkItems[set.benchmark] === undefined) return columns;
  for (const { label, level, reference } of report.groups) {
    const isColumn = level === "all" || (level === "split" && set.benchmark.startsWith("mat-"));
    if (!isColumn) continue;
    columns.set(`${set.benchmark}/${label}` as PaperColumn, [reference.f1, reference.em]);
  }
  return columns;
}

/** For scripts: every set by its name. */
export function benchmarksJson(summaries: readonly SetSummary[]) {
  return { benchmarks: Object.fromEntries(summaries.map((one) => [one.set.name, jsonOf(one)])) };
}

/** The set as `varft score --json` tells its file, and what went wrong. */
function jsonOf(summary: SetSummary): Readonly<Record<string, unknown>> {
  const { set, report, causes: unanswered, faults, faulty, calls, turns, left } = summary;
  const { file: _, benchmark: __, ...score } = scoreJson(report, "corrected", null);
  return {
    benchmark: set.benchmark,
    policyMode: set.mode,
    planned: set.planned,
    notPlayed: left,
    ...score,
    unansweredCauses: Object.fromEntries(Object.entries(unanswered).filter(([, n]) => n > 0)),
    toolCalls: calls,
    turns,
    toolFaults: faults,
    itemsWithToolFaults: faulty,
  };
}

/**
 * A whole turn of the protocol may stand where an answer was asked for: scoring finds none in it.
 */
function withCause(item: PlayedItem, scored: string | null): PlayedItem {
  return item.cause === null && scored !== null ? { ...item, cause: "unparsable" } : item;
}

function countsOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of [...words].sort()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function sum(items: readonly PlayedItem[], value: (item: PlayedItem) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
