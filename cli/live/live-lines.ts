// What the live view shows, as lines. Pure.

import { baseName, progressOf, type RunLog, type StepFigures, stepFigures } from "../run/index.ts";
import type { Colors } from "../terminal.ts";
import { chartLines, clock, rate, short } from "../text/index.ts";

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
  const place = stepsTotal === 0 ? itemsLine(log) : `step ${progress.steps}/${stepsTotal}`;
  const facts = [
    place,
    `${clock(elapsedSeconds)} elapsed`,
    ...(secondsLeft === null ? [] : [`${clock(secondsLeft)} left`]),
    ...(secondsPerStep === null ? [] : [`${short(secondsPerStep)} s a step`]),
    ...(tokensPerSecond === null ? [] : [`${rate(tokensPerSecond)} tokens/s`]),
  ];
  const width = Math.min(columns, chartWidthMax);
  const latest = stepFigures(log, progress.steps);
  return [
    `${colors.bold(run)}  ${facts.join(" · ")}`,
    ...(rewards.length > 0 ? [colors.dim(rewardLine(rewards.at(-1) ?? 0, latest))] : []),
    ...chartLines(rewards, { width, height: chartHeight, total: stepsTotal }).map((line) =>
      colors.green(line),
    ),
    ...kindLines(progress.kinds, columns, colors),
    ...(latest === null ? [] : [toolLine(latest), ...learningLines(latest)]).map(colors.dim),
    ...evaluationLines(log, colors),
    colors.cyan(progress.doing),
  ];
}

/** How far a run is that has no steps, only evaluations. */
function itemsLine({ started, ended }: RunLog): string {
  const config = started?.config as
    | { readonly evaluation?: { readonly sets?: readonly { tasks: number; samples: number }[] } }
    | undefined;
  const sets = config?.evaluation?.sets ?? [];
  const planned = sets.reduce((sum, { tasks, samples }) => sum + tasks * samples, 0);
  const played = [...ended.values()].reduce((sum, count) => sum + count, 0);
  return `${played}/${planned} trajectories`;
}

function rewardLine(reward: number, latest: StepFigures | null): string {
  const parts = Object.entries(latest?.components ?? {});
  const told = parts.map(([name, value]) => `${name} ${short(value)}`).join(" · ");
  return `reward ${short(reward)}${told === "" ? "" : `  ${told}`}`;
}

function toolLine({ toolCalls: { python, search, failed, callers } }: StepFigures): string {
  return [
    `tools  called by ${callers.toFixed(0)} %`,
    `python ${short(python)} and search ${short(search)} a trajectory`,
    `failed ${failed.toFixed(1)} %`,
  ].join(" · ");
}

function learningLines(figures: StepFigures): string[] {
  const { loss, entropy, kl, klOld, ratioMean, ratioMax, clipFraction } = figures;
  const { gradientNorm, learningRate, mismatchMax, droppedGroups } = figures;
  return [
    [
      `loss ${short(loss)}`,
      `entropy ${short(entropy)}`,
      `KL ${short(klOld)}`,
      ...(kl === 0 ? [] : [`KL to the start ${short(kl)}`]),
      `ratio ${short(ratioMean)}, at most ${short(ratioMax)}`,
      `clipped ${short(100 * clipFraction)} %`,
    ].join(" · "),
    [
      `gradient ${short(gradientNorm)}`,
      `rate ${short(learningRate)}`,
      `mismatch ${short(mismatchMax)}`,
      `flat groups ${droppedGroups}`,
    ].join(" · "),
  ];
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
    const when = log.stepsLearned === 0 && moment === "before" ? "" : ` (${moment})`;
    cells.set(key, [...(cells.get(key) ?? []), `${summary.em.toFixed(1)}${when}`]);
  }
  return [...cells].map(
    ([name, values]) => `${colors.dim("exact match")} ${name} ${values.join(" → ")}`,
  );
}
