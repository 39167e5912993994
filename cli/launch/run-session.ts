// One session of a run as a person sees it: told while it goes on, stopped by Ctrl-C, summed up at
// the end. `train` and `eval` are both this.
import { rm } from "node:fs/promises";
import { planSettings, type RunConfig } from "../../config/index.ts";
import type { EventEnvelope } from "../../events/index.ts";
import type { CommandContext } from "../command.ts";
import { InterruptedError, RunStoppedError } from "../errors.ts";
import { describeError, exitCodeOf, exitCodes } from "../exit.ts";
import { createReporter } from "../live/index.ts";
import { RunLog, resultLine, resultsLines } from "../run/index.ts";
import type { Beginning, OpenSession, Session } from "../session/index.ts";
import type { Colors } from "../terminal.ts";

export interface TellOptions {
  readonly run: string;
  readonly directory: string;
  readonly config: RunConfig;
  /** Of a fork. */
  readonly beginning?: Beginning | undefined;
  readonly open: OpenSession;
  /** A directory that was made for this run; a run that never started leaves none. */
  readonly fresh: boolean;
  /** What is told at the end; left out: the before/after table. */
  readonly results?: Results;
}

/** The end of a session in its own words. */
export interface Results {
  /** Takes every event, in the order of the ledger. */
  readonly add: (event: EventEnvelope) => void;
  /** More keys of the last JSON line. */
  readonly json: () => Readonly<Record<string, unknown>>;
  readonly lines: (colors: Colors) => readonly string[];
  /** Writes what is to be kept; resolves to the files. */
  readonly finish: () => Promise<readonly string[]>;
}

/** How often the view is redrawn without news, in milliseconds. */
const redrawMs = 500;

/** Runs to the end, or to Ctrl-C. Resolves to the exit code; rejects with what stopped the run. */
export async function tellSession(options: TellOptions, context: CommandContext): Promise<number> {
  const { run, directory, config, beginning, open, results } = options;
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
    beginning,
    clock,
    env,
    onEvent: (event: Parameters<RunLog["add"]>[0]) => {
      log.add(event);
      results?.add(event);
      if (tellingTypes.has(event.type)) reporter.update(log);
    },
    say: (text: string) => reporter.say(text),
  };
  let session: Session | null = null;
  try {
    session = await open(sessionOptions, signal);
    await Promise.race([session.done, interruptionOf(signal)]);
  } catch (thrown) {
    if (!signal.aborted) throw stopped(thrown, log, resumeCommand(options, context));
  } finally {
    await session?.close();
    clearInterval(timer);
    if (log.started !== null) reporter.end(log);
    else if (options.fresh) await rm(directory, { recursive: true, force: true });
  }
  if (!log.completed) return interrupted(options, log, context);
  const wallSeconds = elapsedMs() / 1_000;
  const files = (await results?.finish()) ?? [];
  if (json) {
    const line = { ...resultLine(log, run, wallSeconds), ...results?.json() };
    terminal.out(`${JSON.stringify(line)}\n`);
    return exitCodes.done;
  }
  const { colors } = terminal;
  const lines = results?.lines(colors) ?? resultsLines(log, colors);
  terminal.out(`\n${lines.join("\n")}\n`);
  if (files.length > 0) terminal.out(`\nPredictions: ${files.join(", ")}\n`);
  terminal.out(`\nvarft show ${run} shows this run again.\n`);
  return exitCodes.done;
}

/** Only these change what is shown at once; the many events of trajectories wait for the timer. */
const tellingTypes = new Set(["policy.updated", "evaluation.completed", "step.planned"]);

function interrupted(options: TellOptions, log: RunLog, context: CommandContext): number {
  const { terminal, json } = context;
  const { run } = options;
  if (log.started === null) {
    terminal.err("Stopped before the run began.\n");
    return exitCodes.interrupted;
  }
  const resume = resumeCommand(options, context);
  const steps = log.stepsLearned;
  if (json) terminal.out(`${JSON.stringify({ type: "interrupted", run, steps, resume })}\n`);
  else {
    const place = options.config.run.steps === 0 ? "half-way" : `after step ${steps}`;
    terminal.err(`Stopped ${place}; nothing is lost. Go on with: ${resume}\n`);
  }
  return exitCodes.interrupted;
}

/** What to throw for what stopped a run; with the way to go on, where there is something to. */
function stopped(thrown: unknown, log: RunLog, resume: string): unknown {
  if (log.started === null || exitCodeOf(thrown) !== exitCodes.failed) return thrown;
  return new RunStoppedError(describeError(thrown), resume, { cause: thrown });
}

function resumeCommand({ run, config }: TellOptions, { runs }: CommandContext): string {
  const command = config.run.steps === 0 ? "eval" : "train";
  return `varft ${command} --resume ${run}${runs === "runs" ? "" : ` --runs ${runs}`}`;
}

function interruptionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new InterruptedError("Ctrl-C"));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
