// Where a run is: figures of its latest step, its curve, its speed and the time that is left.
import type { RunLog, StepLog } from "./run-log.ts";

/** How many of the latest steps speed and accuracy are taken from. */
const windowSteps = 10;

/** How tools were called; percentages 0–100. */
export interface ToolFigures {
  /** Calls per trajectory. */
  readonly python: number;
  readonly search: number;
  /** Calls that gave no result, of all calls. */
  readonly failed: number;
  /** Trajectories that called one, of all. */
  readonly callers: number;
}

/** One step in figures; percentages 0–100. Those of learning are means over its minibatches. */
export interface StepFigures {
  readonly step: number;
  readonly reward: number;
  readonly components: Readonly<Record<string, number>>;
  readonly em: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly toolCalls: ToolFigures;
  /** Sampled ones. */
  readonly tokens: number;
  readonly seconds: number;
  readonly loss: number;
  readonly entropy: number;
  /** To the policy that the run started from; 0 without a KL term. */
  readonly kl: number;
  /** From the policy before the step. */
  readonly klOld: number;
  readonly ratioMean: number;
  readonly ratioMax: number;
  readonly gradientNorm: number;
  /** A share, 0–1. */
  readonly clipFraction: number;
  readonly mismatchMax: number;
  readonly mismatchMean: number;
  readonly learningRate: number;
  readonly droppedGroups: number;
}

/** The figures of a step that was learned; null before that. */
export function stepFigures(log: RunLog, step: number): StepFigures | null {
  const one = log.steps.get(step);
  const judged = log.judged.get(String(step)) ?? [];
  if (one === undefined || one.updatedMs === null || judged.length === 0) return null;
  const { gradients } = one;
  const meanOf = (
    key: Exclude<
      keyof (typeof gradients)[number],
      "gradient" | "stored" | "observed" | "penalties"
    >,
  ) => mean(gradients.map((gradient) => gradient[key]));
  const largest = (key: "ratioMax" | "mismatchMax") =>
    gradients.reduce((most, gradient) => Math.max(most, gradient[key]), 0);
  const components: Record<string, number> = {};
  for (const { name } of judged[0]?.components ?? []) {
    components[name] = mean(
      judged.map((each) => each.components.find((part) => part.name === name)?.value ?? 0),
    );
  }
  return {
    step,
    reward: mean(judged.map(({ reward }) => reward)),
    components,
    em: 100 * mean(judged.map(({ em }) => em)),
    kinds: accuracyByKind(log, [one]),
    toolCalls: toolFigures(log, step),
    tokens: log.tokens.get(String(step)) ?? 0,
    seconds: secondsOf(log, one),
    loss: meanOf("loss"),
    entropy: meanOf("entropy"),
    kl: meanOf("kl"),
    klOld: meanOf("klOld"),
    ratioMean: meanOf("ratioMean"),
    ratioMax: largest("ratioMax"),
    gradientNorm: meanOf("gradientNorm"),
    clipFraction: meanOf("clipFraction"),
    mismatchMax: largest("mismatchMax"),
    mismatchMean: meanOf("mismatchMean"),
    learningRate: gradients.at(-1)?.learningRate ?? 0,
    droppedGroups: one.droppedGroups,
  };
}

function toolFigures(log: RunLog, step: number): ToolFigures {
  const key = String(step);
  const { python, search, failed, callers } = log.tools.get(key) ?? noCalls;
  const played = Math.max(1, log.ended.get(key) ?? 0);
  return {
    python: python / played,
    search: search / played,
    failed: (100 * failed) / Math.max(1, python + search),
    callers: (100 * callers) / played,
  };
}

const noCalls = { python: 0, search: 0, failed: 0, callers: 0 };

/** Where the run is. */
export interface Progress {
  readonly steps: number;
  readonly stepsTotal: number;
  readonly rewards: readonly number[];
  /** Over the latest steps, in percent. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly tokensPerSecond: number | null;
  readonly secondsPerStep: number | null;
  /** For the steps that are left; evaluations come on top. */
  readonly secondsLeft: number | null;
  /** What is under way. */
  readonly doing: string;
}

/** Where the run stands that `log` holds. */
export function progressOf(log: RunLog, stepsTotal: number): Progress {
  const learned = [...log.steps.values()].filter(({ updatedMs }) => updatedMs !== null);
  const latest = learned.slice(-windowSteps);
  const seconds = latest.map((one) => secondsOf(log, one));
  const tokens = latest.reduce((sum, { step }) => sum + (log.tokens.get(String(step)) ?? 0), 0);
  const busy = seconds.reduce((sum, value) => sum + value, 0);
  const secondsPerStep = latest.length === 0 ? null : busy / latest.length;
  return {
    steps: log.stepsLearned,
    stepsTotal,
    rewards: learned.map(({ step }) =>
      mean((log.judged.get(String(step)) ?? []).map(({ reward }) => reward)),
    ),
    kinds: accuracyByKind(log, latest),
    tokensPerSecond: busy > 0 ? tokens / busy : null,
    secondsPerStep,
    secondsLeft: secondsPerStep === null ? null : secondsPerStep * (stepsTotal - log.stepsLearned),
    doing: doing(log),
  };
}

/** What a step took. One that was played ahead counts from when the step before it was learned. */
function secondsOf(log: RunLog, { step, plannedMs, updatedMs }: StepLog): number {
  const before = log.steps.get(step - 1)?.updatedMs ?? 0;
  return ((updatedMs ?? 0) - Math.max(plannedMs, before)) / 1_000;
}

function doing(log: RunLog): string {
  if (log.completed) return "done";
  const evaluation = [...log.evaluations.values()].find(
    ({ summary, tasks }) => summary === null && tasks > 0,
  );
  if (evaluation !== undefined) {
    const ended = log.ended.get(`e${evaluation.evaluation}`) ?? 0;
    return `evaluating ${evaluation.name} ${ended}/${evaluation.tasks * evaluation.samples}`;
  }
  const open = [...log.steps.values()].findLast(({ updatedMs }) => updatedMs === null);
  if (open === undefined) return log.started === null ? "starting" : "preparing";
  const ended = log.ended.get(String(open.step)) ?? 0;
  const all = open.groups.length * open.samples;
  return ended < all ? `step ${open.step}: playing ${ended}/${all}` : `step ${open.step}: learning`;
}

function accuracyByKind(log: RunLog, steps: readonly StepLog[]): Record<string, number> {
  const sums = new Map<string, { right: number; n: number }>();
  for (const { step, groups } of steps) {
    for (const { group, em } of log.judged.get(String(step)) ?? []) {
      const kind = groups[group]?.kind;
      if (kind === undefined) continue;
      const sum = sums.get(kind) ?? { right: 0, n: 0 };
      sums.set(kind, { right: sum.right + em, n: sum.n + 1 });
    }
  }
  const kinds = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(kinds.map(([kind, { right, n }]) => [kind, (100 * right) / n]));
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
