// The ablation as Markdown: tables of figures over the seeds. Pure.
import { type Arm, baseArm, recommendedArm, sets } from "./arms.ts";
import type { PolicyRecord, RunRecord } from "./record.ts";
import { type Figure, figureOf, gainOf, type Spread } from "./spread.ts";

interface Column {
  readonly header: string;
  readonly figure: Figure;
  /** 1 where it is left out. */
  readonly decimals?: number;
}

type Of = (one: PolicyRecord) => number | null;

const after =
  (of: Of): Figure =>
  (run) =>
    of(run.after);
const before =
  (of: Of): Figure =>
  (run) =>
    run.before && of(run.before);

interface Measure extends Pick<Column, "header" | "decimals"> {
  readonly of: Of;
}

const right: readonly Measure[] = [
  {
    header: `single kinds and search, greedy, n = ${sets.main.tasks}`,
    of: ({ main }) => main.right,
  },
  { header: `pairs, sampled, n = ${sets.pairs.tasks}`, of: ({ pairs }) => pairs.right },
  {
    header: `the tool hands back its input, greedy, n = ${sets.noTool.tasks}`,
    of: ({ noTool }) => noTool.right,
  },
];

const behaviour: readonly Measure[] = [
  { header: "right repair on degraded images, %", of: ({ main }) => main.repaired },
  { header: "tool called on clean images, %", of: ({ main }) => main.needlessCalls },
  { header: "calls a trajectory", of: ({ main }) => main.calls, decimals: 2 },
  { header: "calls a trajectory, pairs", of: ({ pairs }) => pairs.calls, decimals: 2 },
];

const onTheWay: Column = {
  header: "single kinds and search, mean of the curve",
  figure: ({ curve }) => curve.reduce((sum, point) => sum + point.right, 0) / curve.length,
};

/** The section of the page: three tables. */
export function tablesText(arms: readonly Arm[], runs: readonly RunRecord[]): string {
  const ofArm = (name: string) => runs.filter(({ arm }) => arm === name);
  const asAfter = (measures: readonly Measure[]) =>
    measures.map(({ of, ...column }) => ({ ...column, figure: after(of) }));
  const rowsOf = (columns: readonly Column[]) =>
    arms.map(({ name }) => [
      armCell(name),
      ...columns.map(({ figure, decimals }) => cell(figureOf(ofArm(name), figure), decimals)),
    ]);
  const baseRow = (measures: readonly Measure[]) => [
    "before training",
    ...measures.map(({ of, decimals }) => cell(figureOf(ofArm(baseArm), before(of)), decimals)),
  ];
  const gains = [...asAfter(right.slice(0, 2)), onTheWay];
  const others = arms.filter(({ name }) => name !== recommendedArm);
  return [
    ...table("exact match, %", right, [baseRow(right), ...rowsOf(asAfter(right))]),
    "",
    ...table(
      "against `recommended`, points of exact match",
      gains,
      others.map(({ name }) => [
        armCell(name),
        ...gains.map(({ figure }) => gainCell(gainOf(ofArm(name), ofArm(recommendedArm), figure))),
      ]),
    ),
    "",
    ...table("single kinds and search, greedy", behaviour, [
      baseRow(behaviour),
      ...rowsOf(asAfter(behaviour)),
    ]),
  ].join("\n");
}

function table(
  corner: string,
  columns: readonly { readonly header: string }[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const header = [corner, ...columns.map((column) => column.header)];
  return [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

const armCell = (name: string): string => `\`${name}\``;

/** `88.4 (87.1, 89.0, 89.1)`: the mean, and each seed. */
function cell(spread: Spread | null, decimals = 1): string {
  if (spread === null) return "–";
  const values = spread.values.map((value) => value.toFixed(decimals));
  return `${spread.mean.toFixed(decimals)} (${values.join(", ")})`;
}

/** `−1.2 (−3.1 to +0.4)`: the mean, and the seeds that lie furthest apart. */
function gainCell(spread: Spread | null): string {
  if (spread === null) return "–";
  return `${signed(spread.mean)} (${signed(spread.low)} to ${signed(spread.high)})`;
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(1);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
