// What another reward would have made of a run, for people.
import type { ComponentChange, RejudgedStep, RejudgeVerdict } from "../../replay/index.ts";
import type { Colors, Terminal } from "../terminal.ts";
import { chartLines, duration, short, tableLines, thousands } from "../text/index.ts";

const chartHeight = 6;
const chartColumnsMax = 80;

export interface RejudgeTold {
  readonly run: string;
  readonly verdict: RejudgeVerdict;
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** The lines of a rejudgement. */
export function rejudgeLines(
  { run, verdict, notes, seconds }: RejudgeTold,
  { colors, columns }: Pick<Terminal, "colors" | "columns">,
): string[] {
  const { trajectories, steps } = verdict;
  const size = `${thousands(trajectories)} trajectories of ${thousands(steps.length)} steps`;
  return [
    `${colors.bold(run)}  judged again in ${duration(seconds)}  ${size}`,
    "",
    ...rewardLines(verdict, colors),
    "",
    ...flipLines(verdict),
    "",
    ...cosineLines(steps, columns, colors),
    ...notes.map((note) => `note: ${note}`),
  ];
}

function rewardLines(
  { components, reward, changed, trajectories }: RejudgeVerdict,
  colors: Colors,
): string[] {
  const header = ["", "weight", "", "mean", "", "changed"];
  const rows = components.map(rowOf);
  const counts = `${thousands(changed)} of ${thousands(trajectories)}`;
  rows.push(["reward", "", "", ...changeCells(reward), counts]);
  const lines = tableLines(header, rows, ["left", "right", "left", "right", "left", "right"]);
  return lines.map((line, index) => (index === 0 ? colors.dim(line) : line));
}

const rowOf = ({ name, weight, mean, changed }: ComponentChange): string[] => [
  ...[name, ...changeCells(weight), ...changeCells(mean)],
  thousands(changed),
];

/** `0.8` and `→ 1`: what was, and what it becomes where that is something else. */
const changeCells = ({ recorded, rejudged }: ComponentChange["mean"]): string[] => [
  number(recorded),
  recorded === rejudged ? "" : `→ ${number(rejudged)}`,
];

const number = (value: number | null): string => (value === null ? "–" : short(value));

function flipLines(verdict: RejudgeVerdict): string[] {
  const { groups, groupsFlipped, signsFlipped, groupsGained, groupsLost } = verdict;
  const rows = [
    [
      "advantages that change their sign",
      `${thousands(signsFlipped)} in ${thousands(groupsFlipped)}`,
    ],
    [
      "groups that would be learned from",
      `${thousands(groupsGained)} more, ${thousands(groupsLost)} fewer`,
    ],
  ];
  return tableLines(["groups", thousands(groups)], rows);
}

function cosineLines(steps: readonly RejudgedStep[], columns: number, colors: Colors): string[] {
  const known = steps.flatMap(({ step, cosine }) => (cosine === null ? [] : [{ step, cosine }]));
  const [first] = known;
  const unknown = unknownLines(steps);
  if (first === undefined) return unknown;
  const least = known.reduce((low, one) => (one.cosine < low.cosine ? one : low), first);
  const mean = known.reduce((sum, { cosine }) => sum + cosine, 0) / known.length;
  const width = Math.min(columns, chartColumnsMax);
  const values = known.map(({ cosine }) => cosine);
  const said = `mean ${cosineWord(mean)}, least ${cosineWord(least.cosine)} at step ${least.step}`;
  return [
    `${colors.bold("cosine")} of the gradient to the recorded one, step by step: ${said}`,
    ...(least.cosine === Math.max(...values)
      ? []
      : chartLines(values, { width, height: chartHeight })),
    ...unknown,
  ];
}

const cosineWord = (value: number): string => value.toFixed(4).replace(/\.?0+$/, "");

/** Steps without a cosine, by reason. */
function unknownLines(steps: readonly RejudgedStep[]): string[] {
  const counts = new Map<string, number>();
  for (const { reason } of steps) {
    if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => `no cosine of ${thousands(count)} steps: ${reason}`);
}
