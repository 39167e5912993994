// `varft show RUN`: a run's curve, its figures and its results.
import { chartLines } from "../chart.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";
import {
  benchmarksJson,
  EvaluationItems,
  evaluationLines,
  type SetSummary,
  summarizeSets,
  writePredictions,
} from "../evaluation/index.ts";
import { clock, moment, short, shortHash, thousands } from "../format.ts";
import { type StepFigures, stepFigures } from "../progress.ts";
import { resultLine } from "../results.ts";
import { resultsLines } from "../results-view.ts";
import { readRun } from "../run-directory.ts";
import type { RunLog } from "../run-log.ts";
import { tableLines } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { stepsTotalOf } from "./runs.ts";

const chartSize = { width: 80, height: 6 } as const;
/** Steps of the table, spread evenly over the run. */
const stepsShownMax = 12;

export const show: Command = {
  name: "show",
  about: "Show a run: its curve, its figures, its results",
  args: {
    run: { type: "positional", description: "Name of the run" },
    predictions: {
      type: "string",
      valueHint: "DIR",
      description: "Write an evaluation's answers as varft score reads them",
    },
  },
  async run(words, { terminal, json, runs }) {
    const name = words.required("run");
    const items = new EvaluationItems();
    const { log } = await readRun(runs, name, { whole: true, onEvent: (e) => items.add(e) });
    const predictions = words.text("predictions");
    const sets = items.sets();
    if (predictions !== undefined) {
      if (sets.length === 0) throw new UsageError(`${name} is no evaluation of benchmarks`);
      await writePredictions(sets, predictions);
    }
    if (sets.length > 0) {
      const summaries = summarizeSets(sets, log.started?.seed ?? 0);
      if (!json) terminal.out(`${evaluated(name, log, summaries, terminal).join("\n")}\n`);
      else {
        const line = resultLine(log, name, (log.lastMs - log.startedMs) / 1_000);
        terminal.out(`${JSON.stringify({ ...line, ...benchmarksJson(summaries) })}\n`);
      }
      return 0;
    }
    const steps = [...log.steps.keys()].flatMap((step) => stepFigures(log, step) ?? []);
    const wallSeconds = (log.lastMs - log.startedMs) / 1_000;
    if (json) {
      const { started, completed } = log;
      const { config, numericClass, base, seed } = started ?? {};
      const result = resultLine(log, name, wallSeconds);
      const facts = { seed, base, numericClass, config, completed, stepFigures: steps };
      terminal.out(`${JSON.stringify({ ...result, type: "run", ...facts })}\n`);
    } else {
      terminal.out(`${lines(name, log, steps, wallSeconds, terminal).join("\n")}\n`);
    }
    return 0;
  },
};

/** An evaluation of benchmarks. */
function evaluated(
  name: string,
  log: RunLog,
  summaries: readonly SetSummary[],
  { colors }: Terminal,
): string[] {
  const state = log.completed ? "completed" : `unfinished: varft eval --resume ${name}`;
  const { started } = log;
  return [
    `${colors.bold(name)}  ${moment(log.startedMs)}  ${state}`,
    `seed ${started?.seed}  base ${shortHash(started?.base ?? null)}  policy ${shortHash(log.policy)}`,
    "",
    ...evaluationLines(summaries, colors),
  ];
}

function lines(
  name: string,
  log: RunLog,
  steps: readonly StepFigures[],
  wallSeconds: number,
  { colors }: Terminal,
): string[] {
  const { started } = log;
  if (started === null) return [`${name} was never started.`];
  const command = stepsTotalOf(log) === 0 ? "eval" : "train";
  const state = log.completed ? "completed" : `unfinished: varft ${command} --resume ${name}`;
  const facts = [
    `${colors.bold(name)}  ${moment(log.startedMs)}  ${state}`,
    `seed ${started.seed}  steps ${log.stepsLearned}/${stepsTotalOf(log) ?? "?"}  ${clock(wallSeconds)}`,
    `base ${shortHash(started.base)}  policy ${shortHash(log.policy)}`,
  ];
  const rewards = steps.map(({ reward }) => reward);
  return [
    ...facts,
    "",
    ...chartLines(rewards, chartSize).map((line) => colors.green(line)),
    "",
    ...stepTables(steps, colors.dim),
    "",
    ...resultsLines(log, colors),
  ];
}

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
function stepTables(steps: readonly StepFigures[], dim: (text: string) => string): string[] {
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
