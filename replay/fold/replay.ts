// A run replayed: every stream folded again, every decision asked for again, every policy derived
// again from the stored gradients, item by item in the order of the plan.
import {
  type ComparePixels,
  EvidenceError,
  type LearnerState,
  type RolloutWords,
  trajectoryLimits,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  type EventData,
  ensureError,
  type HashName,
  isOperational,
  stepsBefore,
  streams,
} from "../../events/index.ts";
import { LedgerError } from "../../storage/index.ts";
import type { TaskSource } from "../../tasks/index.ts";
import { Book, type ReplayReader } from "./book.ts";
import { type ComparisonKind, type Difference, Findings, type Tally } from "./findings.ts";
import { Judge } from "./judge.ts";
import { type LearnedStep, Learner } from "./learner.ts";
import { type Item, Plans } from "./plans.ts";
import { type FoldedTrajectory, type PlannedTrajectory, replayTrajectory } from "./trajectory.ts";
import { type WeightParts, WeightTrail } from "./weights.ts";

/** What a replay computes anew besides; see `recompute/`. */
export interface Recomputation<S> {
  /**
   * Reads what sampled tokens spell, and words what the environment says; null where a server did
   * that.
   */
  readonly words: RolloutWords | null;
  /** Samples the turns of an item again. */
  turns(item: Item, trajectories: readonly FoldedTrajectory[], findings: Findings): Promise<void>;
  /** Learns a step again; null where it was left out. */
  learn(
    learned: LearnedStep,
    trajectories: readonly FoldedTrajectory[],
    start: LearnerState<S>,
    findings: Findings,
  ): Promise<LearnerState<S> | null>;
}

/** How far a replay has come. */
export interface ReplayProgress {
  /** Items of the plan: steps and evaluations. */
  readonly step: number;
  readonly steps: number;
  readonly trajectories: number;
}

export interface ReplayOptions<S> {
  readonly reader: ReplayReader;
  readonly run: string;
  /** What reads the run's weights; it is given a policy of the run. */
  readonly weightsOf: (config: RunConfig, policy: Uint8Array) => WeightParts<S>;
  /** Where the run's tasks come from; null: they are taken as they are recorded. */
  readonly tasksOf: (config: RunConfig) => Promise<TaskSource | null>;
  readonly comparePixels: ComparePixels;
  readonly pixelErrorMax?: number;
  /** Opened once the configuration is known. */
  readonly recomputationOf?: (
    started: EventData<"run.started">,
    config: RunConfig,
    book: Book,
  ) => Promise<Recomputation<S>>;
  /**
   * Of a fork: how its first event differs from what its parent's ledger gives; null: it does not,
   * or nobody can tell.
   */
  readonly unlikeParent?: (started: EventData<"run.started">) => Promise<string | null>;
  /** Steps that are compared, both ends included; an evaluation counts to the step before it. */
  readonly from?: number;
  readonly to?: number;
  readonly onProgress?: (progress: ReplayProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a replay found. */
export interface ReplayVerdict {
  readonly ok: boolean;
  readonly recompute: boolean;
  readonly events: number;
  /** Steps that were compared. */
  readonly steps: number;
  /** Policies that were derived again, hash by hash. */
  readonly policies: number;
  readonly differsAt: Difference | null;
  /** The first differences, in the order of the ledger. */
  readonly differences: readonly Difference[];
  readonly comparisons: Readonly<Partial<Record<ComparisonKind, Tally>>>;
  /** Steps that could not be derived: hashes are all that is left, or their start is unknown. */
  readonly hashOnlySteps: number;
  /** Steps and evaluations that could not be sampled again: their policy was pruned. */
  readonly unsampled: number;
  /** Steps that could not be learned again: the policy that they were played with was pruned. */
  readonly unlearned: number;
  /** Whether tasks were drawn from their source again. */
  readonly tasksDrawn: boolean;
}

/** Replays a run. */
export async function replayRun<S>(options: ReplayOptions<S>): Promise<ReplayVerdict> {
  const book = await Book.open(options.reader);
  const findings = new Findings((stream, seq) => book.globalOf(stream, seq));
  const { run, tasksOf, pixelErrorMax } = options;
  const { blobs } = options.reader;
  const plans = await Plans.open({ book, run, findings, blobs, tasksOf, pixelErrorMax });
  const replay = plans === null ? null : await Replay.open(options, book, plans, findings);
  if (plans?.started.parent !== undefined && options.unlikeParent !== undefined) {
    const reason = await options.unlikeParent(plans.started);
    findings.compare("plans", { stream: streams.run(run), seq: 1 }, reason);
  }
  await replay?.walk();
  const { differences, tallies } = findings;
  return {
    ok: differences.length === 0,
    recompute: options.recomputationOf !== undefined,
    events: book.events,
    steps: replay?.steps ?? 0,
    policies: replay?.trail?.derived ?? 0,
    differsAt: differences[0] ?? null,
    differences,
    comparisons: tallies,
    hashOnlySteps: replay?.trail?.hashOnly ?? 0,
    unsampled: replay?.unsampled ?? 0,
    unlearned: replay?.unlearned ?? 0,
    tasksDrawn: plans?.drawsTasks ?? false,
  };
}

class Replay<S> {
  steps = 0;
  /** Steps and evaluations whose policy was pruned: their turns cannot be sampled again. */
  unsampled = 0;
  /** Steps whose gradients need a policy that was pruned: they are not computed again. */
  unlearned = 0;
  readonly trail: WeightTrail<S> | null;
  readonly #options: ReplayOptions<S>;
  readonly #book: Book;
  readonly #plans: Plans;
  readonly #judge: Judge;
  readonly #learner: Learner;
  readonly #findings: Findings;
  readonly #recomputation: Recomputation<S> | null;
  readonly #seen = new Set<string>();
  /**
   * The step from which weights are derived: the last one before `from` that starts from stored.
   */
  #deriveFrom = 0;

  private constructor(
    options: ReplayOptions<S>,
    parts: {
      readonly book: Book;
      readonly plans: Plans;
      readonly judge: Judge;
      readonly learner: Learner;
      readonly findings: Findings;
      readonly trail: WeightTrail<S> | null;
      readonly recomputation: Recomputation<S> | null;
    },
  ) {
    this.#options = options;
    this.#book = parts.book;
    this.#plans = parts.plans;
    this.#judge = parts.judge;
    this.#learner = parts.learner;
    this.#findings = parts.findings;
    this.trail = parts.trail;
    this.#recomputation = parts.recomputation;
  }

  static async open<S>(
    options: ReplayOptions<S>,
    book: Book,
    plans: Plans,
    findings: Findings,
  ): Promise<Replay<S>> {
    const { run, comparePixels, reader, recomputationOf } = options;
    const { config, started } = plans;
    const judge = await Judge.open(book, run, config, comparePixels, findings);
    const learner = await Learner.open(book, run, plans, findings);
    const parts = await weightsOf(options, plans, findings);
    const isPruned = (name: HashName) => book.isPruned(name);
    const trail = parts && new WeightTrail(parts, reader.blobs, config, findings, isPruned);
    const recomputation = (await recomputationOf?.(started, config, book)) ?? null;
    const all = { book, plans, judge, learner, findings, trail, recomputation };
    return new Replay(options, all);
  }

  async walk(): Promise<void> {
    await this.#findStart();
    let trajectories = 0;
    for await (const item of this.#plans.items(this.#learner, (step) => this.#isIn(step))) {
      this.#options.signal?.throwIfAborted();
      const folded = await this.#replayItem(item);
      trajectories += folded;
      const steps = stepsBefore(this.#plans.started) + this.#plans.steps;
      this.#options.onProgress?.({ step: item.step, steps, trajectories });
    }
    this.#leftOver();
  }

  #isIn(step: number): boolean {
    const { from = 0, to = Number.POSITIVE_INFINITY } = this.#options;
    return step >= from && step <= to;
  }

  async #replayItem(item: Item): Promise<number> {
    const compared = this.#isIn(item.step);
    const isStep = typeof item.name === "number";
    for (const { stream } of item.trajectories) this.#seen.add(stream);
    this.#seen.add(isStep ? `step ${item.step}` : this.#evaluationOf(item));
    const wanted = compared ? item.trajectories : [];
    const folded: FoldedTrajectory[] = [];
    for (const planned of wanted) folded.push(await this.#replayTrajectory(planned));
    await this.#sampleAgain(item, folded);
    const judged = await this.#judge.replay(String(item.name), folded, compared);
    if (!isStep && compared) await this.#plans.evaluation(item, judged, folded);
    if (!isStep) return folded.length;
    if (compared) this.#learner.replay(item.step, folded, judged.rewards);
    await this.#weights(item.step, folded, compared);
    if (compared) this.steps += 1;
    return folded.length;
  }

  async #sampleAgain(item: Item, folded: readonly FoldedTrajectory[]): Promise<void> {
    const policy = folded[0]?.policy;
    if (this.#recomputation !== null && policy && (await this.#book.isPruned(policy))) {
      this.unsampled += 1;
      return;
    }
    try {
      await this.#recomputation?.turns(item, folded, this.#findings);
    } catch (thrown) {
      // A policy or an image that is not what it must be is found, not thrown.
      if (!(thrown instanceof EvidenceError || thrown instanceof LedgerError)) throw thrown;
      this.#findings.compare("tokens", item.planned, thrown.message);
    }
  }

  async #replayTrajectory(planned: PlannedTrajectory): Promise<FoldedTrajectory> {
    const words = this.#recomputation?.words ?? null;
    const limits = words?.limits ?? trajectoryLimits(this.#plans.config);
    const rules = { limits, words, kept: this.#plans.kept, findings: this.#findings };
    return replayTrajectory(rules, planned, await this.#book.read(planned.stream), true);
  }

  /** Derives the weights that a step came to and, where that is asked for, learns it again. */
  async #weights(
    step: number,
    trajectories: readonly FoldedTrajectory[],
    compared: boolean,
  ): Promise<void> {
    const learned = this.#learner.stepOf(step);
    const { to = Number.POSITIVE_INFINITY } = this.#options;
    if (learned === null || this.trail === null || step < this.#deriveFrom || step > to) return;
    const start = await this.trail.before(learned);
    const state =
      compared && start !== null ? await this.#learnAgain(learned, trajectories, start) : null;
    if (state !== null && !(await this.trail.hasGradients(learned)))
      this.trail.arrive(learned, state);
    else await this.trail.derive(learned);
  }

  /** What a step learned again comes to; null where that is not asked for, or cannot be done. */
  async #learnAgain(
    learned: LearnedStep,
    trajectories: readonly FoldedTrajectory[],
    start: LearnerState<S>,
  ): Promise<LearnerState<S> | null> {
    if (this.#recomputation === null) return null;
    if (!(await this.#isHere(learned))) {
      this.unlearned += 1;
      return null;
    }
    try {
      return await this.#recomputation.learn(learned, trajectories, start, this.#findings);
    } catch (thrown) {
      this.#findings.compare("gradients", learned.batch, ensureError(thrown).message);
      return null;
    }
  }

  /** Whether the policy that a step was played with is there, where its gradients need it. */
  async #isHere({ batch: { data } }: LearnedStep): Promise<boolean> {
    return data.playedPolicy === undefined || !(await this.#book.isPruned(data.playedPolicy));
  }

  /** Weights cannot begin at every step: only where policy and optimizer are both stored. */
  async #findStart(): Promise<void> {
    const { from = 0 } = this.#options;
    for (const { batch } of this.#learner.steps) {
      const { step, policy, optimizer } = batch.data;
      if (step > Math.max(1, from)) return;
      if (await this.trail?.isStored(policy, optimizer)) this.#deriveFrom = step;
    }
  }

  #evaluationOf({ name }: Item): string {
    return streams.evaluation(this.#options.run, Number(String(name).slice(1)));
  }

  /** Streams, steps and rewards that belong to nothing that was planned. */
  #leftOver(): void {
    this.#judge.leftOver();
    const { run } = this.#options;
    const own = new Set([streams.run(run), streams.judge(run), streams.learner(run)]);
    for (const stream of this.#book.streams) {
      const isKnown = own.has(stream) || this.#seen.has(stream) || isOperational(stream);
      if (!isKnown) this.#findings.compare("plans", { stream, seq: 1 }, "is in no plan");
    }
    for (const { batch } of this.#learner.steps) {
      if (this.#seen.has(`step ${batch.data.step}`)) continue;
      this.#findings.compare("plans", batch, `step ${batch.data.step} is in no plan`);
    }
  }
}

/** Reads the first policy; null, and a finding, where that cannot be done. */
async function weightsOf<S>(
  { reader, weightsOf: read, run }: ReplayOptions<S>,
  { started, config }: Plans,
  findings: Findings,
): Promise<WeightParts<S> | null> {
  const name: HashName = started.policy;
  const place = { stream: streams.run(run), seq: 1 };
  try {
    const bytes = await reader.blobs.get(name);
    if (bytes !== null) return read(config, bytes);
    findings.compare("policies", place, `the policy ${name} is not stored`);
  } catch (thrown) {
    findings.compare("policies", place, ensureError(thrown).message);
  }
  return null;
}
