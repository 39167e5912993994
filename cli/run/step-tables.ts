// The steps of a run as tables: what was played and what was learned.
import { short, tableLines, thousands } from "../text/index.ts";
import type { StepFigures } from "./progress.ts";

/** Steps of a table, spread evenly over the run. */
const stepsShownMax = 12;

type Column = readonly [title: string, cell: (figures: StepFigures) => string];

const playing: readonly Column[] = [
  ["step", ({ step }) => String(step)],
  ["reward", ({ reward }) => reward.toFixed(3)],
  ["right %", ({ em }) => em.toFixed(1)],
  ["called by %", ({ toolCalls }) => toolCalls.callers.toFixed(0)],
  ["python", ({ toolCalls }) => toolCalls.python.toFixed(2)],
  ["search", ({ toolCalls }) => toolCalls.search.toFixed(2)],
  ["failed %", ({ toolCalls }) => toolCalls.failed.toFixed(1)],
  ["tokens", ({ tokens }) => thousands(tokens)],
  ["seconds", ({ seconds }) => seconds.toFixed(2)],
];

const learning: readonly Column[] = [
  ["step", ({ step }) => String(step)],
  ["loss", ({ loss }) => short(loss)],
  ["entropy", ({ entropy }) => short(entropy)],
  ["KL", ({ klOld }) => short(klOld)],
  ["ratio", ({ ratioMean }) => short(ratioMean)],
  ["at most", ({ ratioMax }) => short(ratioMax)],
  ["clipped %", ({ clipFraction }) => short(100 * clipFraction)],
  ["gradient", ({ gradientNorm }) => short(gradientNorm)],
  ["rate", ({ learningRate }) => short(learningRate)],
  ["mismatch", ({ mismatchMax }) => short(mismatchMax)],
];

/** What was played and what was learned, the reward's components beside the reward. */
export function stepTables(steps: readonly StepFigures[], dim: (text: string) => string): string[] {
  const [first] = steps;
  if (first === undefined) return ["No step has been learned."];
  const components = Object.keys(first.components).map(
    (name): Column => [name, (figures) => (figures.components[name] ?? 0).toFixed(2)],
  );
  const shown = spread(steps, stepsShownMax);
  const [step, reward, ...rest] = playing as readonly [Column, Column, ...Column[]];
  return [
    ...stepTable(shown, [step, reward, ...components, ...rest], dim),
    "",
    ...stepTable(shown, learning, dim),
  ];
}

function stepTable(
  steps: readonly StepFigures[],
  columns: readonly Column[],
  dim: (text: string) => string,
): string[] {
  const rows = steps.map((figures) => columns.map(([, cell]) => cell(figures)));
  const align = columns.map(() => "right" as const);
  const header = columns.map(([title]) => title);
  const [head = "", ...body] = tableLines(header, rows, align);
  return [dim(head), ...body];
}

/** At most `max` items, the first and the last among them. */
function spread<T>(items: readonly T[], max: number): T[] {
  if (items.length <= max) return [...items];
  return Array.from({ length: max }, (_, index) => {
    const place = Math.round((index * (items.length - 1)) / (max - 1));
    return items[place] as T;
  });
}
