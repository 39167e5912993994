// What the live view shows, as lines. Pure.
import { chartLines } from "./chart.ts";
import { clock, short, thousands } from "./format.ts";
import { progressOf, stepFigures } from "./progress.ts";
import { baseName } from "./results.ts";
import type { RunLog } from "./run-log.ts";
import type { Colors } from "./terminal.ts";

const chartHeight = 5;
const chartWidthMax = 100;

export interface LiveOptions {
  readonly run: string;
  readonly stepsTotal: number;
  readonly columns: number;
  readonly elapsedSeconds: number;
  readonly colors: Colors;
}

/** The whole view of a run in progress. */
export function liveLines(log: RunLog, options: LiveOptions): string[] {
  const { run, stepsTotal, columns, elapsedSeconds, colors } = options;
  const progress = progressOf(log, stepsTotal);
  const { secondsLeft, secondsPerStep, tokensPerSecond, rewards } = progress;
  const facts = [
    `step ${progress.steps}/${stepsTotal}`,
    `${clock(elapsedSeconds)} elapsed`,
    ...(secondsLeft === null ? [] : [`${clock(secondsLeft)} left`]),
    ...(secondsPerStep === null ? [] : [`${short(secondsPerStep)} s a step`]),
    ...(tokensPerSecond === null ? [] : [`${thousands(tokensPerSecond)} tokens/s`]),
  ];
  const width = Math.min(columns, chartWidthMax);
  const latest = stepFigures(log, progress.steps);
  return [
    `${colors.bold(run)}  ${facts.join(" · ")}`,
    ...(rewards.length > 0 ? [colors.dim(`reward ${short(rewards.at(-1) ?? 0)}`)] : []),
    ...chartLines(rewards, { width, height: chartHeight, total: stepsTotal }).map((line) =>
      colors.green(line),
    ),
    ...kindLines(progress.kinds, columns, colors),
    ...(latest === null ? [] : [colors.dim(learningLine(latest))]),
    ...evaluationLines(log, colors),
    colors.cyan(progress.doing),
  ];
}

function learningLine(figures: NonNullable<ReturnType<typeof stepFigures>>): string {
  const { loss, entropy, gradientNorm, clipFraction, mismatchMax, learningRate } = figures;
  return [
    `loss ${short(loss)}`,
    `entropy ${short(entropy)}`,
    `gradient ${short(gradientNorm)}`,
    `clipped ${short(100 * clipFraction)} %`,
    `mismatch ${short(mismatchMax)}`,
    `rate ${short(learningRate)}`,
    `flat groups ${figures.droppedGroups}`,
  ].join(" · ");
}

function kindLines(
  kinds: Readonly<Record<string, number>>,
  columns: number,
  colors: Colors,
): string[] {
  const lines: string[] = [];
  let line = "right %";
  for (const [kind, share] of Object.entries(kinds)) {
    const cell = `  ${kind} ${share.toFixed(0)}`;
    if (line.length + cell.length > columns) {
      lines.push(line);
      line = "       ";
    }
    line += cell;
  }
  return Object.keys(kinds).length === 0 ? [] : [...lines, line].map((text) => colors.dim(text));
}

function evaluationLines(log: RunLog, colors: Colors): string[] {
  const cells = new Map<string, string[]>();
  for (const { name, summary, moment } of log.evaluations.values()) {
    if (summary === null) continue;
    const key = baseName(name);
    cells.set(key, [...(cells.get(key) ?? []), `${summary.em.toFixed(1)} (${moment})`]);
  }
  return [...cells].map(
    ([name, values]) => `${colors.dim("exact match")} ${name} ${values.join(" → ")}`,
  );
}
