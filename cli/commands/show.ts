// `varft show RUN`: a run's curve, its figures and its results.
import { afterStep, assert, beforeTurn } from "../../events/index.ts";
import type { Command, CommandContext } from "../command.ts";
import { UsageError } from "../errors.ts";
import {
  benchmarksJson,
  EvaluationItems,
  evaluationLines,
  type SetSummary,
  summarizeSets,
  writePredictions,
} from "../evaluation/index.ts";
import { continuationResults, originalOf, parentJson } from "../launch/index.ts";
import {
  type RunLog,
  readRun,
  resultLine,
  resultsLines,
  type StepFigures,
  stepFigures,
  stepTables,
} from "../run/index.ts";
import type { Terminal } from "../terminal.ts";
import { chartLines, clock, moment, shortHash } from "../text/index.ts";
import { stepsTotalOf } from "./runs.ts";

const chartSize = { width: 80, height: 6 } as const;
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
    if (log.started !== null && beforeTurn(log.started) !== null) {
      return showContinuations(name, log, { terminal, json, runs });
    }
    const steps = [...log.steps.keys()].flatMap((step) => stepFigures(log, step) ?? []);
    const wallSeconds = (log.lastMs - log.startedMs) / 1_000;
    if (json) {
      const { started, completed } = log;
      const { config, numericClass, base, seed, parent } = started ?? {};
      const result = resultLine(log, name, wallSeconds);
      const forked = parent && { parent: parentJson(parent) };
      const facts = { seed, base, numericClass, config, completed, ...forked, stepFigures: steps };
      terminal.out(`${JSON.stringify({ ...result, type: "run", ...facts })}\n`);
    } else {
      terminal.out(`${lines(name, log, steps, wallSeconds, terminal).join("\n")}\n`);
    }
    return 0;
  },
};

/** The continuations of a trajectory, beside it. */
async function showContinuations(
  name: string,
  log: RunLog,
  { terminal, json, runs }: Pick<CommandContext, "terminal" | "json" | "runs">,
): Promise<number> {
  const parent = log.started?.parent;
  assert(parent !== undefined, "a run that continues a trajectory has a parent");
  const results = continuationResults(parent, await originalOf(runs, parent));
  await readRun(runs, name, { whole: true, onEvent: (event) => results.add(event) });
  if (json) {
    const line = resultLine(log, name, (log.lastMs - log.startedMs) / 1_000);
    terminal.out(`${JSON.stringify({ ...line, ...results.json() })}\n`);
  } else {
    const { colors } = terminal;
    const lines = [...heading(name, log, terminal), "", ...results.lines(colors)];
    terminal.out(`${lines.join("\n")}\n`);
  }
  return 0;
}

/** An evaluation of benchmarks. */
function evaluated(
  name: string,
  log: RunLog,
  summaries: readonly SetSummary[],
  terminal: Terminal,
): string[] {
  return [...heading(name, log, terminal), "", ...evaluationLines(summaries, terminal.colors)];
}

/** What a run that learns nothing is called, when it began, and with what. */
function heading(name: string, log: RunLog, { colors }: Terminal): string[] {
  const state = log.completed ? "completed" : `unfinished: varft eval --resume ${name}`;
  const { started } = log;
  return [
    `${colors.bold(name)}  ${moment(log.startedMs)}  ${state}`,
    `seed ${started?.seed}  base ${shortHash(started?.base ?? null)}  policy ${shortHash(log.policy)}`,
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
  const forked = afterStep(started);
  if (forked !== null) facts.push(`fork of ${started.parent?.run} after step ${forked.step}`);
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
