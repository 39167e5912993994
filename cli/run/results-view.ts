// The before/after table for people.

import type { Interval } from "../statistics/index.ts";
import type { Colors } from "../terminal.ts";
import { tableLines } from "../text/index.ts";
import { baseName, type ScoredEvaluation, scoredEvaluations } from "./results.ts";
import type { Moment, RunLog } from "./run-log.ts";
import type { ScoreRow } from "./scores.ts";

/** One block per evaluation set: a row per task and kind, before and after side by side. */
export function resultsLines(log: RunLog, colors: Colors): string[] {
  const scored = scoredEvaluations(log).filter(({ log: { moment } }) => moment !== "every");
  const names = [...new Set(scored.map((one) => baseName(one.log.name)))];
  const lines = names.flatMap((name) => {
    const find = (moment: Moment) =>
      scored.find((one) => one.log.moment === moment && baseName(one.log.name) === name);
    return [...blockLines(name, find("before"), find("after"), colors), ""];
  });
  if (lines.length === 0) return [];
  return [
    ...lines,
    colors.dim("Intervals of 95 %: exact match by Wilson, F1 and means over samples by bootstrap."),
  ];
}

function blockLines(
  name: string,
  before: ScoredEvaluation | undefined,
  after: ScoredEvaluation | undefined,
  colors: Colors,
): string[] {
  const shown = after ?? before;
  if (shown === undefined) return [];
  const sides = [before, after].filter((side) => side !== undefined);
  const both = sides.length === 2;
  const header = [
    "",
    "n",
    ...["exact match", ...passTitle(shown), "F1"].flatMap((title) =>
      both ? [`${title} before`, "after"] : [title],
    ),
  ];
  const rows = shown.rows.map((row) => {
    const cells = sides.map((side) => side.rows.find((one) => one.label === row.label));
    return [
      indent(row),
      String(row.n),
      ...cells.map((cell) => (cell ? figure(cell.em, cell.emInterval) : "–")),
      ...passTitle(shown).flatMap(() => cells.map((cell) => cell?.passed.toFixed(1) ?? "–")),
      ...cells.map((cell) => (cell ? figure(cell.f1, cell.f1Interval) : "–")),
    ];
  });
  const align = header.map((_, column) => (column === 0 ? ("left" as const) : ("right" as const)));
  const [head = "", ...body] = tableLines(header, rows, align);
  return [colors.bold(title(name, shown)), colors.dim(head), ...body, ...notes(before, after)];
}

/** `pass@64` where tasks were tried more than once. */
function passTitle({ log: { samples } }: ScoredEvaluation): readonly string[] {
  return samples > 1 ? [`pass@${samples}`] : [];
}

function title(name: string, { log: { sampling } }: ScoredEvaluation): string {
  const how = sampling.greedy ? "greedy" : `sampled at temperature ${sampling.temperature}`;
  return `${name} (${how}${sampling.tools ? "" : ", tools switched off"})`;
}

/** Repairs and needless calls, where there were any images to count. */
function notes(
  before: ScoredEvaluation | undefined,
  after: ScoredEvaluation | undefined,
): string[] {
  const told = (key: "repaired" | "needlessCalls") =>
    [before, after]
      .filter((side) => side !== undefined)
      .map((side) => side.log.summary?.[key] ?? null)
      .map((value) => (value === null ? "–" : `${value.toFixed(1)} %`));
  const line = (label: string, values: readonly string[]) =>
    values.every((value) => value === "–") ? [] : [`  ${label}: ${values.join(" → ")}`];
  return [
    ...line("degraded images with the right repair", told("repaired")),
    ...line("clean images on which a tool was called", told("needlessCalls")),
  ];
}

function indent({ label, level }: ScoreRow): string {
  return `${level === "kind" ? "    " : "  "}${label}`;
}

function figure(value: number, [low, high]: Interval): string {
  return `${value.toFixed(1)} [${low.toFixed(0)}–${high.toFixed(0)}]`;
}
