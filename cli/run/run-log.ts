// What a run's events come to, for people: folded from the ledger, while the run writes or long
// after. The order of streams does not matter, only that each stream's events come in theirs.
import {
  type EvaluationSummary,
  type EventData,
  type EventEnvelope,
  type EventType,
  type HashName,
  parseTrajectory,
  type Sampling,
  stepsBefore,
} from "../../events/index.ts";

/** A judged trajectory. */
export interface Judged {
  readonly group: number;
  readonly reward: number;
  readonly em: number;
  readonly f1: number;
  readonly components: EventData<"reward.assigned">["components"];
}

/** Task and kind of a group. */
export interface GroupKind {
  readonly task: string;
  readonly kind: string;
}

export interface StepLog {
  readonly step: number;
  readonly plannedMs: number;
  readonly groups: readonly GroupKind[];
  readonly samples: number;
  readonly gradients: readonly EventData<"gradient.computed">[];
  readonly droppedGroups: number;
  readonly updatedMs: number | null;
}

/** How tools were called, in counts. */
export interface ToolCounts {
  readonly python: number;
  readonly search: number;
  /** Calls that gave no result: the program failed, was stopped, or wrote no image. */
  readonly failed: number;
  /** Trajectories that called one. */
  readonly callers: number;
}

const noTools: ToolCounts = { python: 0, search: 0, failed: 0, callers: 0 };

/** Where in a run an evaluation stands. */
export type Moment = "before" | "every" | "after";

export interface EvaluationLog {
  readonly evaluation: number;
  readonly name: string;
  readonly moment: Moment;
  /** Steps that were learned before it. */
  readonly step: number;
  readonly sampling: Sampling;
  readonly tasks: number;
  /** Trajectories per task. */
  readonly samples: number;
  readonly plannedMs: number;
  readonly groups: readonly GroupKind[];
  readonly summary: EvaluationSummary | null;
  readonly completedMs: number | null;
}

type Handlers = {
  readonly [T in EventType]?: (data: EventData<T>, event: EventEnvelope) => void;
};

/** The fold. What trajectories add up to is keyed by step, or by `e<n>` for evaluation n. */
export class RunLog {
  started: EventData<"run.started"> | null = null;
  startedMs = 0;
  lastMs = 0;
  completed = false;
  policy: HashName | null = null;
  readonly steps = new Map<number, StepLog>();
  readonly evaluations = new Map<number, EvaluationLog>();
  readonly judged = new Map<string, Judged[]>();
  readonly ended = new Map<string, number>();
  readonly tokens = new Map<string, number>();
  readonly tools = new Map<string, ToolCounts>();
  #stepsPlanned = 0;

  readonly #handlers: Handlers = {
    "run.started": (data, { time }) => {
      this.started = data;
      this.startedMs = time;
      this.policy ??= data.policy;
    },
    "step.planned": ({ step, tasks, samples }, { time }) => {
      this.#stepsPlanned = step;
      const groups = tasks.map(({ task, kind }) => ({ task, kind }));
      this.#step(step, { plannedMs: time, groups, samples });
    },
    "evaluation.planned": (data, { time }) => {
      const { evaluation, name, sampling, tasks, samples } = data;
      const moment = this.#momentOf(name);
      const step = this.#stepsPlanned;
      const plannedMs = time;
      this.#evaluation(evaluation, { name, sampling, tasks, samples, moment, step, plannedMs });
    },
    "evaluation.started": ({ evaluation, tasks }) => {
      this.#evaluation(evaluation, { groups: tasks.map(({ task, kind }) => ({ task, kind })) });
    },
    "evaluation.completed": ({ evaluation, summary }, { time }) => {
      this.#evaluation(evaluation, { summary, completedMs: time });
    },
    "run.completed": ({ policy }) => {
      this.completed = true;
      this.policy = policy;
    },
    "turn.sampled": ({ ids }, { stream }) => count(this.tokens, stepOf(stream), ids.length),
    "tool.called": ({ tool }, { stream }) => this.#count(stream, tool),
    "tool.returned": ({ cause }, { stream }) => {
      if (cause !== "ok") this.#count(stream, "failed");
    },
    "trajectory.ended": ({ calls }, { stream }) => {
      count(this.ended, stepOf(stream), 1);
      if (calls > 0) this.#count(stream, "callers");
    },
    "reward.assigned": ({ trajectory, reward, em, f1, components }) => {
      const group = parseTrajectory(trajectory)?.group ?? 0;
      const step = stepOf(trajectory);
      const list = this.judged.get(step) ?? [];
      list.push({ group, reward, em, f1, components });
      this.judged.set(step, list);
    },
    "batch.assembled": ({ step, droppedGroups }) => {
      this.#step(step, { droppedGroups: droppedGroups.length });
    },
    "gradient.computed": (data) => {
      const before = this.steps.get(data.step)?.gradients ?? [];
      this.#step(data.step, { gradients: [...before, data] });
    },
    "policy.updated": ({ step, policyAfter }, { time }) => {
      this.policy = policyAfter;
      this.#step(step, { updatedMs: time });
    },
  };

  /** Takes an event; types that say nothing here are passed over. */
  add(event: EventEnvelope): void {
    // What is done to its files later is none of a run's time.
    if (event.type !== "blobs.pruned") this.lastMs = Math.max(this.lastMs, event.time);
    const handler = this.#handlers[event.type as EventType] as
      | ((data: unknown, event: EventEnvelope) => void)
      | undefined;
    handler?.(event.data, event);
  }

  /** Steps that ended in a new policy, those that a fork has behind it included. */
  get stepsLearned(): number {
    const own = [...this.steps.values()].filter(({ updatedMs }) => updatedMs !== null).length;
    return own + (this.started === null ? 0 : stepsBefore(this.started));
  }

  #count(stream: string, what: keyof ToolCounts): void {
    const step = stepOf(stream);
    const known = this.tools.get(step) ?? noTools;
    this.tools.set(step, { ...known, [what]: known[what] + 1 });
  }

  #step(step: number, change: Partial<StepLog>): void {
    const known = this.steps.get(step) ?? {
      step,
      plannedMs: 0,
      groups: [],
      samples: 0,
      gradients: [],
      droppedGroups: 0,
      updatedMs: null,
    };
    this.steps.set(step, { ...known, ...change });
  }

  #evaluation(evaluation: number, change: Partial<EvaluationLog>): void {
    const known = this.evaluations.get(evaluation) ?? {
      evaluation,
      name: "",
      moment: "before",
      step: 0,
      sampling: { temperature: 1, greedy: false, tools: true },
      tasks: 0,
      samples: 1,
      plannedMs: 0,
      groups: [],
      summary: null,
      completedMs: null,
    };
    this.evaluations.set(evaluation, { ...known, ...change });
  }

  #momentOf(name: string): Moment {
    if (name.includes("@")) return "every";
    return this.#stepsPlanned === 0 ? "before" : "after";
  }
}

function stepOf(trajectory: string): string {
  return String(parseTrajectory(trajectory)?.step ?? "");
}

function count(counts: Map<string, number>, key: string, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
