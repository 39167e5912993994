// What an audit remembers of the events so far: the facts that later events must agree with. A
// fold, and nothing else: it judges nothing, and stands events that make no sense.
import {
  afterStep,
  beforeTurn,
  type EventData,
  type EventEnvelope,
  type EventType,
  type HashName,
  leaseOf,
  type NumericClass,
  parseTrajectory,
  type Sampling,
  type StepName,
  type TrajectoryName,
} from "../../events/index.ts";
import { RetentionFold } from "../retention/index.ts";

/** What an event says: its data fit the schema of its type. */
export type AuditEvent = {
  readonly [T in EventType]: {
    readonly type: T;
    readonly stream: string;
    readonly data: EventData<T>;
  };
}[EventType];

/** The highest epoch in which something was written under a lease. */
export interface LeaseFacts {
  epoch: number;
}

/** What is remembered of a stream. */
export interface StreamFacts {
  readonly lease: LeaseFacts;
  /** Of the last event; 0 before the first. */
  seq: number;
  /** The command of the last event. */
  command: string;
  /** Its cause. */
  cause: string | null;
  /** Of its events. */
  readonly ids: string[];
}

/** A step or an evaluation, as it was planned. */
export interface PlanFacts {
  readonly policy: HashName;
  readonly sampling: Sampling;
  readonly samples: number;
  /** Ids of the tasks, one per group. */
  readonly tasks: readonly string[];
}

/** What a trajectory may do next. */
export type TrajectoryPhase = "sampling" | "acting" | "calling" | "ended";

export interface TrajectoryFacts {
  readonly policy: HashName;
  phase: TrajectoryPhase;
  turns: number;
  calls: number;
  /** Of the context. */
  tokens: number;
  /** Of these, what the model sampled: all that may carry loss. */
  sampled: number;
  /** The latest image of the context: what a program works on. */
  image: HashName | null;
  /** The tool that was called last. */
  tool: string;
  reward: number | null;
}

/** The batch that is being learned from. */
export interface BatchFacts {
  readonly data: EventData<"batch.assembled">;
  gradients: number;
}

/** Causes stand so near in practice. */
const idsNear = 64;

/** Earlier policies that are remembered: more than any policy lag. */
const policiesMax = 16;

/** The facts so far. */
export class Book {
  #ids: Set<string> | null = null;
  run: EventData<"run.started"> | null = null;
  completed = false;
  readonly streams = new Map<string, StreamFacts>();
  readonly leases = new Map<string, LeaseFacts>();
  /** By the name of the step. */
  readonly plans = new Map<StepName, PlanFacts>();
  readonly trajectories = new Map<string, TrajectoryFacts>();
  /** Rewards of a step or an evaluation so far. */
  readonly judged = new Map<StepName, number>();
  readonly workers = new Map<string, NumericClass>();
  /** Evaluations that a fork's parent has behind it: its own are numbered on. */
  evaluationsBefore = 0;
  readonly evaluationsPlanned = new Map<number, EventData<"evaluation.planned">>();
  readonly evaluationsEnded = new Set<number>();
  policy: HashName | null = null;
  /** Those before it, the latest first, as far as a policy lag may reach. */
  readonly policiesBefore: HashName[] = [];
  optimizer: HashName | null = null;
  /** Steps that were planned, and that were learned. */
  planned = 0;
  learned = 0;
  batch: BatchFacts | null = null;
  /** What was stored that may be pruned, and what the run needs of it. */
  readonly retention = new RetentionFold();

  /** What is known of a stream; a new one is entered. */
  streamOf(stream: string): StreamFacts {
    const known = this.streams.get(stream);
    if (known !== undefined) return known;
    const name = leaseOf(stream);
    const lease = this.leases.get(name) ?? { epoch: 0 };
    this.leases.set(name, lease);
    const facts: StreamFacts = { lease, seq: 0, command: "", cause: null, ids: [] };
    this.streams.set(stream, facts);
    return facts;
  }

  /** Takes note of an envelope, whatever its data. */
  noteEnvelope({ id, seq, command, cause, epoch }: EventEnvelope, facts: StreamFacts): void {
    facts.seq = seq;
    facts.command = command;
    facts.cause = cause;
    if (epoch > facts.lease.epoch) facts.lease.epoch = epoch;
    facts.ids.push(id);
    this.#ids?.add(id);
  }

  /** Whether an event so far has the id `id`. @param facts of the stream where it most likely is */
  hasId(id: string, facts: StreamFacts): boolean {
    if (facts.ids.includes(id, Math.max(0, facts.ids.length - idsNear))) return true;
    // A set of all ids is made once it is needed, which in a run of today is never.
    this.#ids ??= new Set([...this.streams.values()].flatMap(({ ids }) => ids));
    return this.#ids.has(id);
  }

  /** Takes note of what an event says. */
  note(event: AuditEvent): void {
    if (isOfTrajectory(event)) {
      this.#noteTrajectory(event);
      return;
    }
    if (isOfLearner(event)) this.#noteLearner(event);
    else this.#noteRun(event);
    this.retention.add(event);
  }

  #noteRun(event: RunEvent): void {
    const { type, data } = event;
    if (type === "run.started") {
      this.run ??= data;
      this.policy ??= data.policy;
      this.optimizer ??= data.optimizer;
      this.#noteParent(data);
    } else if (type === "step.planned") {
      this.planned = data.step;
      this.plans.set(data.step, planOf(data));
    } else if (type === "evaluation.planned") this.evaluationsPlanned.set(data.evaluation, data);
    else if (type === "evaluation.started") this.plans.set(`e${data.evaluation}`, planOf(data));
    else if (type === "evaluation.completed") this.evaluationsEnded.add(data.evaluation);
    else if (type === "run.completed") this.completed = true;
    else if (type === "actor.registered") {
      this.workers.set(event.stream.slice("actor/".length), data.numericClass);
    }
  }

  /** A fork has its parent's steps behind it. */
  #noteParent(started: EventData<"run.started">): void {
    const forked = afterStep(started);
    if (forked === null) return;
    this.planned = forked.step;
    this.learned = forked.step;
    this.evaluationsBefore = forked.evaluations;
    this.policiesBefore.push(...forked.earlier);
  }

  #noteLearner({ type, data }: LearnerEvent): void {
    if (type === "reward.assigned") {
      const facts = this.trajectories.get(data.trajectory);
      if (facts !== undefined) facts.reward = data.reward;
      const step = parseTrajectory(data.trajectory)?.step;
      if (step !== undefined) this.judged.set(step, (this.judged.get(step) ?? 0) + 1);
    } else if (type === "batch.assembled") this.batch = { data, gradients: 0 };
    else if (type === "gradient.computed") {
      if (this.batch !== null) this.batch.gradients += 1;
    } else {
      if (this.policy !== null) this.policiesBefore.unshift(this.policy);
      if (this.policiesBefore.length > policiesMax) this.policiesBefore.pop();
      this.policy = data.policyAfter;
      this.optimizer = data.optimizerAfter;
      this.learned = data.step;
      this.batch = null;
    }
  }

  #noteTrajectory(event: TrajectoryEvent): void {
    const { type, data, stream } = event;
    if (type === "trajectory.started") {
      this.trajectories.set(stream, {
        policy: data.policy,
        phase: "sampling",
        turns: 0,
        calls: 0,
        tokens: data.ids.length,
        sampled: 0,
        image: data.images.at(-1) ?? null,
        tool: "",
        reward: null,
      });
      return;
    }
    const facts = this.trajectories.get(stream);
    if (facts === undefined) return;
    if (type === "turn.sampled") {
      facts.phase = "acting";
      facts.turns += 1;
      facts.tokens += data.ids.length;
      facts.sampled += data.ids.length;
    } else if (type === "tool.called") {
      facts.phase = "calling";
      facts.tool = data.tool;
    } else if (type === "tool.returned") {
      facts.phase = "acting";
      facts.calls += 1;
    } else if (type === "turn.prompted") {
      facts.phase = "sampling";
      facts.tokens = data.fresh ? data.ids.length : facts.tokens + data.ids.length;
      facts.image = data.images.at(-1) ?? (data.fresh ? null : facts.image);
    } else facts.phase = "ended";
  }
}

type OfType<T extends EventType> = Extract<AuditEvent, { readonly type: T }>;
type TrajectoryType =
  | "trajectory.started"
  | "turn.sampled"
  | "tool.called"
  | "tool.returned"
  | "turn.prompted"
  | "trajectory.ended";
type LearnerType = "reward.assigned" | "batch.assembled" | "gradient.computed" | "policy.updated";
type TrajectoryEvent = OfType<TrajectoryType>;
type LearnerEvent = OfType<LearnerType>;
type RunEvent = Exclude<AuditEvent, TrajectoryEvent | LearnerEvent>;

const trajectoryTypes: ReadonlySet<string> = new Set<TrajectoryType>([
  "trajectory.started",
  "turn.sampled",
  "tool.called",
  "tool.returned",
  "turn.prompted",
  "trajectory.ended",
]);
const learnerTypes: ReadonlySet<string> = new Set<LearnerType>([
  "reward.assigned",
  "batch.assembled",
  "gradient.computed",
  "policy.updated",
]);

function isOfTrajectory(event: AuditEvent): event is TrajectoryEvent {
  return trajectoryTypes.has(event.type);
}

function isOfLearner(event: AuditEvent): event is LearnerEvent {
  return learnerTypes.has(event.type);
}

function planOf(data: EventData<"step.planned"> | EventData<"evaluation.started">): PlanFacts {
  const { policy, sampling, samples, tasks } = data;
  return { policy, sampling, samples, tasks: tasks.map(({ id }) => id) };
}

/** The policy of the turns that a fork has kept, where `turn` is one of them; null otherwise. */
export function keptPolicy({ run }: Book, turn: number): HashName | null {
  return (run && beforeTurn(run))?.policies[turn] ?? null;
}

/** A trajectory's name, and the plan that it is part of. */
export function planOfTrajectory(
  book: Book,
  stream: string,
): { readonly name: TrajectoryName; readonly plan: PlanFacts } | null {
  const name = parseTrajectory(stream);
  const plan = name === null ? undefined : book.plans.get(name.step);
  return name === null || plan === undefined ? null : { name, plan };
}
