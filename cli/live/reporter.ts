// How a run in progress is told: a view that redraws itself for people at a terminal, one line per
// step elsewhere, JSON lines for scripts.

import { type EvaluationLog, type RunLog, type StepFigures, stepFigures } from "../run/index.ts";
import type { Terminal } from "../terminal.ts";
import { rate, short, visibleLength, withoutColors } from "../text/index.ts";
import { liveLines } from "./live-lines.ts";

/** Tells a run. */
export interface Reporter {
  /** The log has grown, or time has passed. */
  update(log: RunLog): void;
  /** A word to the person, between the figures. */
  say(text: string): void;
  /** The last figures are told. */
  end(log: RunLog): void;
}

export interface ReporterOptions {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly run: string;
  readonly stepsTotal: number;
  /** Milliseconds since the run was started or resumed. */
  readonly elapsedMs: () => number;
}

/** The reporter that suits the terminal. */
export function createReporter(options: ReporterOptions): Reporter {
  if (options.json) return new LineReporter(options, jsonStep, jsonEvaluation);
  if (options.terminal.isTty) return new LiveReporter(options);
  return new LineReporter(options, plainStep, plainEvaluation);
}

const redrawMs = 100;

class LiveReporter implements Reporter {
  readonly #options: ReporterOptions;
  #drawn = 0;
  #drawnAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  update(log: RunLog): void {
    const nowMs = this.#options.elapsedMs();
    if (nowMs - this.#drawnAtMs < redrawMs) return;
    this.#drawnAtMs = nowMs;
    this.#draw(log);
  }

  say(text: string): void {
    this.#erase();
    this.#options.terminal.out(`${text}\n`);
  }

  end(log: RunLog): void {
    this.#draw(log);
    this.#drawn = 0;
  }

  #draw(log: RunLog): void {
    const { terminal, run, stepsTotal, elapsedMs } = this.#options;
    const { columns, colors } = terminal;
    const elapsedSeconds = elapsedMs() / 1_000;
    const lines = liveLines(log, { run, stepsTotal, columns, elapsedSeconds, colors });
    // A line that wraps would spoil the count of lines that the next drawing goes up.
    const fitting = lines.map((line) =>
      visibleLength(line) <= columns ? line : cut(line, columns),
    );
    this.#erase();
    terminal.out(fitting.map((line) => `${line}\n`).join(""));
    this.#drawn = fitting.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#options.terminal.out(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }
}

function cut(line: string, columns: number): string {
  return `${withoutColors(line).slice(0, Math.max(0, columns - 1))}…`;
}

type TellStep = (figures: StepFigures, stepsTotal: number) => string;
type TellEvaluation = (evaluation: EvaluationLog) => string;

class LineReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #tellStep: TellStep;
  readonly #tellEvaluation: TellEvaluation;
  readonly #told = new Set<string>();

  constructor(options: ReporterOptions, tellStep: TellStep, tellEvaluation: TellEvaluation) {
    this.#options = options;
    this.#tellStep = tellStep;
    this.#tellEvaluation = tellEvaluation;
  }

  update(log: RunLog): void {
    for (const evaluation of log.evaluations.values()) {
      if (evaluation.summary === null) continue;
      this.#tell(`evaluation ${evaluation.evaluation}`, () => this.#tellEvaluation(evaluation));
    }
    for (const { step, updatedMs } of log.steps.values()) {
      if (updatedMs === null || this.#told.has(`step ${step}`)) continue;
      const figures = stepFigures(log, step);
      if (figures === null) continue;
      this.#tell(`step ${step}`, () => this.#tellStep(figures, this.#options.stepsTotal));
    }
  }

  say(text: string): void {
    this.#options.terminal.err(`${text}\n`);
  }

  end(log: RunLog): void {
    this.update(log);
  }

  #tell(key: string, line: () => string): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.terminal.out(`${line()}\n`);
  }
}

function plainStep(figures: StepFigures, stepsTotal: number): string {
  const { step, reward, em, entropy, klOld, ratioMax, clipFraction, gradientNorm } = figures;
  const { mismatchMax, tokens, seconds, toolCalls } = figures;
  return [
    `step ${step}/${stepsTotal}`,
    `reward ${reward.toFixed(3)}`,
    `right ${em.toFixed(1)} %`,
    `calls ${short(toolCalls.python + toolCalls.search)}`,
    `entropy ${short(entropy)}`,
    `KL ${short(klOld)}`,
    `ratio ≤ ${short(ratioMax)}`,
    `clipped ${short(100 * clipFraction)} %`,
    `gradient ${short(gradientNorm)}`,
    `mismatch ${short(mismatchMax)}`,
    `${rate(seconds > 0 ? tokens / seconds : 0)} tokens/s`,
    `${seconds.toFixed(2)} s`,
  ].join("  ");
}

function plainEvaluation({ name, moment, summary }: EvaluationLog): string {
  const em = summary?.em.toFixed(1) ?? "–";
  const f1 = summary?.f1.toFixed(1) ?? "–";
  return `evaluation ${name} (${moment})  exact match ${em}  F1 ${f1}  n ${summary?.n ?? 0}`;
}

function jsonStep(figures: StepFigures, stepsTotal: number): string {
  const { tokens, seconds } = figures;
  const tokensPerSecond = seconds > 0 ? tokens / seconds : null;
  return JSON.stringify({ type: "step", steps: stepsTotal, ...figures, tokensPerSecond });
}

function jsonEvaluation({ name, moment, step, sampling, summary }: EvaluationLog): string {
  return JSON.stringify({ type: "evaluation", name, moment, step, sampling, ...summary });
}
