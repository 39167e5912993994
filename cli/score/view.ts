// The score for people: one table, what was not answered, and what the rules change.

import { type Interval, resamples } from "../statistics/index.ts";
import { type Colors, withoutSteering } from "../terminal.ts";
import { type Align, tableLines, thousands } from "../text/index.ts";
import type { Comparison } from "./compare.ts";
import { comparisonLines } from "./compare-view.ts";
import type { Mode } from "./items.ts";
import type { ScoreReport } from "./report.ts";
import { point, signed } from "./words.ts";

/** Ids and items that are named before the rest is counted. */
const namesShownMax = 5;

/** The lines of a score, and of a comparison where there is one. */
export function scoreLines(
  report: ScoreReport,
  mode: Mode,
  comparison: Comparison | null,
  colors: Colors,
): readonly string[] {
  const { bold, dim } = colors;
  const { source, seed } = report;
  const other = mode === "reference" ? "corrected" : "reference";
  const count = thousands(resamples);
  const title = `${source.format}, ${benchmarks[source.benchmark]}`;
  return [
    `${bold(source.file)}  ${dim(title)}`,
    "",
    ...groupLines(report, mode, other, colors),
    "",
    unansweredLine(report),
    ...notes(report),
    ...correctionLines(report, dim),
    ...(comparison === null ? [] : ["", ...comparisonLines(report, comparison, colors)]),
    "",
    dim(`In percent. Intervals of 95 %: bootstrap over items, ${count} resamples, seed ${seed}.`),
    dim("docs/scoring.md says what each metric is, and where the two ways differ."),
  ];
}

const benchmarks = {
  "mat-coding": "MAT-Coding",
  "mat-search": "MAT-Search",
  text: "a text benchmark",
} as const;

function groupLines(
  { groups }: ScoreReport,
  mode: Mode,
  other: Mode,
  { bold, dim }: Colors,
): readonly string[] {
  const header = ["", "", mode, "", other, ""];
  const titles = ["", "n", "F1", "EM", "F1", "EM"];
  const rows = groups.map((group) => [
    `  ${group.level === "kind" ? "  " : ""}${withoutSteering(group.label)}`,
    String(group.n),
    withInterval(group[mode].f1, group[mode].f1Interval),
    withInterval(group[mode].em, group[mode].emInterval),
    group[other].f1.toFixed(2),
    group[other].em.toFixed(2),
  ]);
  const align: readonly Align[] = ["left", "right", "left", "left", "right", "right"];
  const [ways = "", named = "", ...body] = tableLines(header, [titles, ...rows], align);
  const styled = body.map((line, at) => (groups[at]?.level === "all" ? bold(line) : line));
  return [dim(ways), dim(named), ...styled];
}

/** `50.67 [45.1–56.0]`, the bounds in a column of their own width. */
function withInterval(value: number, [low, high]: Interval): string {
  return `${value.toFixed(2).padStart(6)} [${low.toFixed(1)}–${high.toFixed(1)}]`;
}

function unansweredLine({ groups, causes }: ScoreReport): string {
  const { n = 0, unanswered = 0 } = groups[0] ?? {};
  if (unanswered === 0) return "Every item has an answer.";
  const told = causes.map(([cause, count]) => `${withoutSteering(cause)} ${count}`).join(", ");
  return `Without an answer: ${unanswered} of ${n} (${point((100 * unanswered) / n)} %): ${told}`;
}

function notes({ source, repeats }: ScoreReport): readonly string[] {
  const { bad, missing, benchmark, rows } = source;
  const isPartOfSearch = benchmark === "text" && rows.every(({ isSingleGold }) => isSingleGold);
  const absent = bad.length > 0 ? "Without a sound row" : "Not in the file";
  const some = (names: readonly (string | number)[]) => {
    const rest = names.length - namesShownMax;
    return names.slice(0, namesShownMax).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
  };
  return [
    ...(bad.length > 0
      ? [`Bad rows, left out: ${bad.length} (items ${some(bad.map(({ item }) => item))})`]
      : []),
    ...(isPartOfSearch
      ? ["No splits: those of MAT-Search are told by the order of all its 150 items."]
      : []),
    ...(missing.length > 0
      ? [`${absent}, not counted: ${missing.length} of 200 (ids ${some(missing)})`]
      : []),
    ...(repeats.length > 0
      ? [`The answer of the item before, word by word: ${repeats.length} (ids ${some(repeats)})`]
      : []),
  ];
}

/** Only rules that move a figure. */
function correctionLines(
  { corrections }: ScoreReport,
  dim: (text: string) => string,
): readonly string[] {
  const moving = corrections.filter(({ f1, em }) => point(f1) !== "0.00" || point(em) !== "0.00");
  if (moving.length === 0) return [];
  const rows = moving.map(({ rule, f1, em }) => [`  ${rule}`, signed(f1), signed(em)]);
  const header = ["The reference with one rule corrected", "F1", "EM"];
  const [head = "", ...body] = tableLines(header, rows, ["left", "right", "right"]);
  return ["", dim(head), ...body];
}
