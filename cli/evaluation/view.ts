// An evaluation for people: the paper's table with this policy in it, then each set by the
// corrected rules with its intervals, then what went wrong.
import {
  type PaperColumn,
  type PaperRow,
  type PaperTable,
  paperTables,
} from "../../tasks/index.ts";
import type { Interval } from "../statistics/index.ts";
import type { Colors } from "../terminal.ts";
import { tableLines } from "../text/index.ts";
import { columnsOf, type SetSummary } from "./summary.ts";

const ways = {
  tools: "tools",
  direct: "direct",
  cot: "chain of thought",
  rag: "RAG",
  other: "other",
} as const;

const columnWords: Readonly<Record<string, string>> = {
  "mat-coding": "Coding",
  "mat-search": "Search",
  "2wikimultihopqa": "2Wiki",
  hotpotqa: "HotpotQA",
  musique: "MuSiQue",
  bamboogle: "Bamboogle",
};

/** All lines. */
export function evaluationLines(summaries: readonly SetSummary[], colors: Colors): string[] {
  if (summaries.length === 0) return ["Nothing was played to its end."];
  const tables = paperTables.flatMap((table) => paperLines(table, summaries, colors));
  const rules =
    "This policy by the rules of the published evaluation; the rest as printed, one run each.";
  const paper = tables.length === 0 ? [] : [...tables, colors.dim(rules), ""];
  return [...paper, ...scoreTable(summaries, colors), "", ...failureTable(summaries, colors)];
}

/** The rows of a table that have this policy's columns; none where it has none of them. */
function paperLines(
  { table, title, columns, rows }: PaperTable,
  summaries: readonly SetSummary[],
  { bold, dim }: Colors,
): string[] {
  // Tables 3 and 4 are about some ways of asking; the others say nothing there.
  const isAsked = (how: keyof typeof ways) => table < 3 || rows.some((row) => row.how === how);
  const own = ownRows(summaries, columns).filter(({ how }) => isAsked(how));
  const used = columns.filter((column) => own.some(({ figures }) => figures.has(column)));
  if (used.length === 0) return [];
  const header = ["F1/EM, %", "", ...used.map(columnTitle)];
  const mine = own.map(({ how, figures, partial }) => [
    `this policy${partial ? " *" : ""}`,
    ways[how],
    ...used.map((column) => pair(figures.get(column))),
  ]);
  const theirs = rows.map((row) => [
    row.model,
    ways[row.how],
    ...used.map((column) => pair(row.figures[column])),
  ]);
  const align = header.map((_, at) => (at < 2 ? ("left" as const) : ("right" as const)));
  const [head = "", ...body] = tableLines(header, [...mine, ...theirs], align);
  const lines = body.map((line, at) => (at < mine.length ? bold(line) : line));
  return [
    bold(`Visual-ARFT, table ${table}: ${title}`),
    dim(head),
    ...lines,
    ...notesOf(rows, own, used).map((note) => dim(note)),
    "",
  ];
}

interface OwnRow {
  readonly how: keyof typeof ways;
  readonly figures: ReadonlyMap<PaperColumn, readonly [number, number]>;
  /** A benchmark was not played whole. */
  readonly partial: boolean;
}

/** A row for each way of asking; of two sets that fill a column the first counts. */
function ownRows(summaries: readonly SetSummary[], columns: readonly PaperColumn[]): OwnRow[] {
  const hows = [...new Set(summaries.map(({ set }) => set.mode))];
  return hows.flatMap((how): OwnRow[] => {
    const figures = new Map<PaperColumn, readonly [number, number]>();
    let partial = false;
    for (const summary of summaries.filter(({ set }) => set.mode === how)) {
      for (const [column, figure] of columnsOf(summary)) {
        if (!columns.includes(column) || figures.has(column)) continue;
        figures.set(column, figure);
        partial ||= summary.left > 0;
      }
    }
    return figures.size === 0 ? [] : [{ how, figures, partial }];
  });
}

function notesOf(
  rows: readonly PaperRow[],
  own: readonly OwnRow[],
  used: readonly PaperColumn[],
): string[] {
  const notes = rows.flatMap(({ model, note, figures }) => {
    const about = used.some((column) => figures[column] !== undefined);
    return note === undefined || !about ? [] : [`${model}: ${note}`];
  });
  return [...(own.some(({ partial }) => partial) ? ["* of a part of the items"] : []), ...notes];
}

function columnTitle(column: PaperColumn): string {
  const [benchmark = "", part = ""] = column.split("/");
  const word = columnWords[benchmark] ?? benchmark;
  if (!benchmark.startsWith("mat-")) return word;
  return `${word} ${part === "all" ? "avg" : part}`;
}

function pair(figure: readonly [number | null, number] | undefined): string {
  if (figure === undefined) return "–";
  const [f1, em] = figure;
  return `${f1 === null ? "–" : f1.toFixed(2)}/${em.toFixed(2)}`;
}

function scoreTable(summaries: readonly SetSummary[], { bold, dim }: Colors): string[] {
  const header = ["corrected rules", "benchmark", "asked", "n", "F1", "EM"];
  const labelled = summaries.flatMap(({ set, report }) =>
    report.groups.map((group) => ({ set, group })),
  );
  const rows = labelled.map(({ set, group: { label, level, n, corrected } }) => [
    level === "all" ? set.name : `  ${level === "kind" ? "  " : ""}${label}`,
    ...(level === "all" ? [set.benchmark, ways[set.mode]] : ["", ""]),
    String(n),
    withInterval(corrected.f1, corrected.f1Interval),
    withInterval(corrected.em, corrected.emInterval),
  ]);
  const align = ["left", "left", "left", "right", "left", "left"] as const;
  const [head = "", ...body] = tableLines(header, rows, align);
  return [
    dim(head),
    ...body.map((line, at) => (labelled[at]?.group.level === "all" ? bold(line) : line)),
    dim("In percent. Intervals of 95 %: bootstrap over items. docs/scoring.md tells the rules."),
  ];
}

function withInterval(value: number, [low, high]: Interval): string {
  return `${value.toFixed(2).padStart(6)} [${low.toFixed(1)}–${high.toFixed(1)}]`;
}

function failureTable(summaries: readonly SetSummary[], { dim }: Colors): string[] {
  const share = (part: number, whole: number) =>
    part === 0 ? "0" : `${((100 * part) / whole).toFixed(1)} %`;
  const names = Object.keys(summaries[0]?.causes ?? {}) as (keyof SetSummary["causes"])[];
  const header = ["without an answer", "items", ...names, "tool faults in", "calls", "turns"];
  const rows = summaries.map(({ set, causes, faulty, calls, turns }) => {
    const { length } = set.items;
    return [
      set.name,
      length === set.planned ? String(length) : `${length} of ${set.planned}`,
      ...names.map((name) => share(causes[name], length)),
      share(faulty, length),
      (calls / length).toFixed(2),
      (turns / length).toFixed(2),
    ];
  });
  const align = header.map((_, at) => (at === 0 ? ("left" as const) : ("right" as const)));
  const [head = "", ...body] = tableLines(header, rows, align);
  const faults = summaries.flatMap(({ set, faults: found }) => {
    const told = Object.entries(found).map(([cause, count]) => `${cause} ${count}`);
    return told.length === 0 ? [] : [dim(`Tool faults in ${set.name}: ${told.join(", ")}`)];
  });
  return [
    dim(head),
    ...body,
    ...faults,
    dim(
      "A server or a sandbox that fails is asked again, or ends the evaluation; it is never scored.",
    ),
  ];
}
