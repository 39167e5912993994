// A run judged again: another reward over its stored trajectories, step by step; the advantages,
// the flips and the gradients that would have come of it. Nothing is ever written.
//
// 1. Trajectories are taken as they were played. What another reward would have made the policy
//    play next, nobody can tell from them: every step is compared from the policy that it really
//    had.
// 2. A ledger that cannot be folded is an error, not a result.
import {
  assembleBatch,
  EvidenceError,
  factNeeds,
  judgedTrajectories,
  learnerRules,
  type OpenRewards,
  trajectoryLimits,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { assert, type EventData } from "../../events/index.ts";
import {
  Book,
  Findings,
  type FoldedTrajectory,
  type Item,
  type LearnedStep,
  Learner,
  Plans,
  type ReplayReader,
  replayTrajectory,
  type WeightParts,
  WeightTrail,
} from "../fold/index.ts";
import type { Sample } from "../recompute/index.ts";
import { type AdvantageChange, advantageChange } from "./flips.ts";
import {
  type GradientChange,
  noGradient,
  type RejudgingEngine,
  StepGradients,
} from "./gradients.ts";
import { judgeAgain, type RecordedRewards, type Reward, recordedRewards } from "./rewards.ts";
import { type RewardChange, RewardTally } from "./tally.ts";

/** What judges again. */
export interface Rejudging<S> {
  /** The run's configuration with the other reward. */
  readonly config: RunConfig;
  readonly rewards: Pick<OpenRewards["rewards"], "measure" | "settle">;
  /** What learns again; a text says why nothing does. */
  readonly engine: RejudgingEngine<S> | string;
  /** Which steps are judged again, where not all of them are. */
  readonly sample: Sample;
}

/** How far it has come: of the steps that are judged again. */
export interface RejudgeProgress {
  readonly done: number;
  readonly steps: number;
}

export interface RejudgeOptions<S> {
  readonly reader: ReplayReader;
  readonly run: string;
  /** What reads the run's weights; it is given a policy of the run. */
  readonly weightsOf: (config: RunConfig, policy: Uint8Array) => WeightParts<S>;
  /** Opened once the configuration is known. */
  readonly rejudgingOf: (
    started: EventData<"run.started">,
    config: RunConfig,
    ledger: { readonly hash: string; readonly rewards: RecordedRewards },
  ) => Promise<Rejudging<S>>;
  /** Steps that are judged again, both ends included. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly onProgress?: (progress: RejudgeProgress) => void;
  readonly signal?: AbortSignal;
}

/** One step under the other reward. */
export interface RejudgedStep
  extends Omit<RewardChange, "components">,
    AdvantageChange,
    GradientChange {
  readonly step: number;
}

/** A run under another reward. */
export interface RejudgeVerdict extends RewardChange, AdvantageChange {
  /** Steps of the run that have a batch, judged again or not. */
  readonly stepsLearned: number;
  readonly steps: readonly RejudgedStep[];
}

/** Judges a run again. */
export async function rejudgeRun<S>(options: RejudgeOptions<S>): Promise<RejudgeVerdict> {
  const { reader, run } = options;
  const book = await Book.open(reader);
  const findings = new Findings((stream, seq) => book.globalOf(stream, seq));
  const tasksOf = async () => null;
  const { blobs } = reader;
  const plans = await Plans.open({ book, run, findings, blobs, tasksOf, pixelErrorMax: undefined });
  requireFolded(findings);
  assert(plans !== null, "a run that folds has a plan");
  const learner = await Learner.open(book, run, plans, findings);
  const rewards = await recordedRewards(book, run, findings);
  requireFolded(findings);
  const { started, config } = plans;
  const rejudging = await options.rejudgingOf(started, config, { hash: book.hash, rewards });
  const parts = { book, plans, learner, rewards, findings, rejudging };
  const gradients = await gradientsOf(options, parts);
  return new Rejudge(options, parts, gradients).walk();
}

interface Parts<S> {
  readonly book: Book;
  readonly plans: Plans;
  readonly learner: Learner;
  readonly rewards: RecordedRewards;
  readonly findings: Findings;
  readonly rejudging: Rejudging<S>;
}

async function gradientsOf<S>(
  { reader, weightsOf }: RejudgeOptions<S>,
  { book, plans: { started, config }, findings, rejudging }: Parts<S>,
): Promise<StepGradients<S> | string> {
  const { engine } = rejudging;
  if (typeof engine === "string") return engine;
  const { policy: first } = started;
  const policy = await reader.blobs.get(first);
  if (policy === null) return `the policy ${first} is not stored`;
  const weights = weightsOf(config, policy);
  const isPruned: typeof book.isPruned = (name) => book.isPruned(name);
  const trail = new WeightTrail(weights, reader.blobs, config, findings, isPruned);
  const both = { recorded: config, rejudged: rejudging.config };
  const readBlob: typeof reader.blobs.get = (name) => reader.blobs.get(name);
  return StepGradients.open({ ...engine, config: both, started, readBlob, trail });
}

class Rejudge<S> {
  readonly #options: RejudgeOptions<S>;
  readonly #parts: Parts<S>;
  readonly #gradients: StepGradients<S> | string;
  readonly #tally = new RewardTally();
  readonly #steps: RejudgedStep[] = [];

  constructor(options: RejudgeOptions<S>, parts: Parts<S>, gradients: StepGradients<S> | string) {
    this.#options = options;
    this.#parts = parts;
    this.#gradients = gradients;
  }

  async walk(): Promise<RejudgeVerdict> {
    const { plans, learner, findings } = this.#parts;
    const chosen = this.#chosen();
    const last = [...chosen].at(-1) ?? 0;
    const gradients = typeof this.#gradients === "string" ? null : this.#gradients;
    const leading = await gradients?.leadingTo(learner.steps, chosen);
    for await (const item of plans.items(learner, () => false)) {
      if (item.step > last) break;
      const learned = typeof item.name === "number" ? learner.stepOf(item.step) : null;
      if (learned === null) continue;
      this.#options.signal?.throwIfAborted();
      if (chosen.has(item.step)) {
        this.#steps.push(await this.#step(item, learned));
        this.#options.onProgress?.({ done: this.#steps.length, steps: chosen.size });
      } else if (leading?.has(item.step)) await gradients?.pass(learned);
      else gradients?.skip();
      requireFolded(findings);
    }
    const sum = (key: keyof AdvantageChange) =>
      this.#steps.reduce((total, step) => total + step[key], 0);
    return {
      ...this.#tally.change,
      groups: sum("groups"),
      groupsFlipped: sum("groupsFlipped"),
      signsFlipped: sum("signsFlipped"),
      groupsGained: sum("groupsGained"),
      groupsLost: sum("groupsLost"),
      stepsLearned: learner.steps.length,
      steps: this.#steps,
    };
  }

  /** The steps that are judged again: learned from, in the range, in the sample. */
  #chosen(): ReadonlySet<number> {
    const { from = 0, to = Number.POSITIVE_INFINITY } = this.#options;
    const { learner, rejudging } = this.#parts;
    const steps = learner.steps.map(({ batch }) => batch.data.step);
    const inRange = steps.filter((step) => step >= from && step <= to);
    return new Set(
      inRange.filter((_, index) => rejudging.sample("rejudge", index, inRange.length)),
    );
  }

  async #step(item: Item, learned: LearnedStep): Promise<RejudgedStep> {
    const { rejudging } = this.#parts;
    const trajectories = await this.#fold(item);
    const recorded = trajectories.map(({ stream }) => this.#recordedOf(stream));
    const rejudged = await judgeAgain(rejudging.rewards, rejudging.config.reward, trajectories);
    const tally = new RewardTally();
    for (const [index, reward] of rejudged.entries()) {
      const was = recorded[index];
      assert(was?.trajectory === reward.trajectory, "one reward per trajectory, in order");
      tally.add(was, reward);
      this.#tally.add(was, reward);
    }
    const batch = this.#batchOf(learned, trajectories, rejudged);
    const gradient =
      typeof this.#gradients === "string"
        ? noGradient(this.#gradients)
        : await this.#gradients.compare(learned, batch, trajectories);
    const { components: _, ...rewards } = tally.change;
    const advantages = advantageChange(learned.batch.data, batch);
    return { step: item.step, ...rewards, ...advantages, ...gradient };
  }

  /** The trajectories of a step, as they were played. */
  async #fold(item: Item): Promise<FoldedTrajectory[]> {
    const { book, plans, findings } = this.#parts;
    const { config, kept } = plans;
    const rules = { limits: trajectoryLimits(config), words: null, kept, findings };
    const folded: FoldedTrajectory[] = [];
    for (const planned of item.trajectories) {
      const events = await book.read(planned.stream);
      folded.push(await replayTrajectory(rules, planned, events, false));
    }
    requireFolded(findings);
    for (const { stream, task, context } of folded) {
      if (context.end !== null && context.task === task.id) continue;
      throw new EvidenceError(`${stream} was learned from and did not play ${task.id} to its end`);
    }
    return folded;
  }

  /** The batch that would have been assembled. */
  #batchOf(
    { batch: { data } }: LearnedStep,
    trajectories: readonly FoldedTrajectory[],
    rewards: readonly Reward[],
  ): EventData<"batch.assembled"> {
    const rules = learnerRules(this.#parts.rejudging.config, this.#parts.plans.started.parent);
    const judged = trajectories.map(({ stream, group, sample, events }, index) => {
      const reward = rewards[index];
      assert(reward !== undefined, "one reward per trajectory");
      return { stream, group, sample, events, ...reward };
    });
    const { step, policy, optimizer, playedPolicy: played } = data;
    const source = judgedTrajectories(judged, factNeeds(rules));
    return assembleBatch({ step, policy, optimizer, played, trajectories: source }, rules);
  }

  #recordedOf(trajectory: string): Reward {
    const reward = this.#parts.rewards(trajectory);
    if (reward !== null) return reward;
    throw new EvidenceError(`${trajectory} was learned from and never judged`);
  }
}

/** @throws EvidenceError with the first thing that does not come out as it is recorded */
function requireFolded(findings: Findings): void {
  const [first] = findings.differences;
  if (first === undefined) return;
  const { seq, stream, streamSeq, reason } = first;
  throw new EvidenceError(
    `event ${seq} (${stream} #${streamSeq}): ${reason}; varft replay and varft audit tell more`,
  );
}
