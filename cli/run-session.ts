// One session of a run as a person sees it: told while it goes on, stopped by Ctrl-C, summed up at
// the end. `train` and `eval` are both this.
import { rm } from "node:fs/promises";
import type { RunConfig } from "../config/index.ts";
import { planSettings } from "../config/index.ts";
import type { CommandContext } from "./command.ts";
import { InterruptedError, RunStoppedError } from "./errors.ts";
import { describeError, exitCodeOf, exitCodes } from "./exit.ts";
import { createReporter } from "./reporter.ts";
import { resultLine } from "./results.ts";
import { resultsLines } from "./results-view.ts";
import { RunLog } from "./run-log.ts";
import type { OpenSession, Session } from "./session/index.ts";

export interface TellOptions {
  readonly run: string;
  readonly directory: string;
  readonly config: RunConfig;
  readonly open: OpenSession;
  /** A directory that was made for this run; a run that never started leaves none. */
  readonly fresh: boolean;
}

/** How often the view is redrawn without news, in milliseconds. */
const redrawMs = 500;

/** Runs to the end, or to Ctrl-C. Resolves to the exit code; rejects with what stopped the run. */
export async function tellSession(options: TellOptions, context: CommandContext): Promise<number> {
  const { run, directory, config, open } = options;
  const { terminal, json, signal, now, clock, env } = context;
  const log = new RunLog();
  const startedMs = now();
  const elapsedMs = () => now() - startedMs;
  const stepsTotal = planSettings(config).steps;
  const reporter = createReporter({ terminal, json, run, stepsTotal, elapsedMs });
  const timer = setInterval(() => reporter.update(log), redrawMs);
  const sessionOptions = {
    run,
    directory,
    config,
    clock,
    env,
    onEvent: (event: Parameters<RunLog["add"]>[0]) => {
      log.add(event);
      if (tellingTypes.has(event.type)) reporter.update(log);
    },
    say: (text: string) => reporter.say(text),
  };
  let session: Session | null = null;
  try {
    session = await open(sessionOptions, signal);
    await Promise.race([session.done, interruptionOf(signal)]);
  } catch (thrown) {
    if (!signal.aborted) throw stopped(thrown, log, resumeCommand(run, context));
  } finally {
    await session?.close();
    clearInterval(timer);
    if (log.started !== null) reporter.end(log);
    else if (options.fresh) await rm(directory, { recursive: true, force: true });
  }
  if (!log.completed) return interrupted(run, log, context);
  const wallSeconds = elapsedMs() / 1_000;
  if (json) terminal.out(`${JSON.stringify(resultLine(log, run, wallSeconds))}\n`);
  else terminal.out(`\n${resultsLines(log, terminal.colors).join("\n")}\n`);
  if (!json) terminal.out(`\nvarft show ${run} shows this run again.\n`);
  return exitCodes.done;
}

/** Only these change what is shown at once; the many events of trajectories wait for the timer. */
const tellingTypes = new Set(["policy.updated", "evaluation.completed", "step.planned"]);

function interrupted(run: string, log: RunLog, context: CommandContext): number {
  const { terminal, json } = context;
  if (log.started === null) {
    terminal.err("Stopped before the run began.\n");
    return exitCodes.interrupted;
  }
  const resume = resumeCommand(run, context);
  const steps = log.stepsLearned;
  if (json) terminal.out(`${JSON.stringify({ type: "interrupted", run, steps, resume })}\n`);
  else terminal.err(`Stopped after step ${steps}; nothing is lost. Go on with: ${resume}\n`);
  return exitCodes.interrupted;
}

/** What to throw for what stopped a run; with the way to go on, where there is something to. */
function stopped(thrown: unknown, log: RunLog, resume: string): unknown {
  if (log.started === null || exitCodeOf(thrown) !== exitCodes.failed) return thrown;
  return new RunStoppedError(describeError(thrown), resume, { cause: thrown });
}

function resumeCommand(run: string, { runs }: CommandContext): string {
  return `varft train --resume ${run}${runs === "runs" ? "" : ` --runs ${runs}`}`;
}

function interruptionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new InterruptedError("Ctrl-C"));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
