// The learner's stream, folded again: batches from recorded rewards, and from the stored gradients
// every policy and optimizer, hash by hash, without a checkpoint and without an engine.
import {
  decideLearner,
  factNeeds,
  judgedTrajectories,
  learnerMachine,
  learnerRules,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, type EventEnvelope, stepsBefore, streams } from "../../events/index.ts";
import type { Book } from "./book.ts";
import { compareDecision } from "./decided.ts";
import type { Findings } from "./findings.ts";
import { dataOf, type FoldedCommand, foldCommands } from "./fold-commands.ts";
import type { RecordedReward } from "./judge.ts";
import type { FoldedTrajectory } from "./trajectory.ts";

type Command = FoldedCommand<typeof learnerMachine>;
type Event<T extends "batch.assembled" | "gradient.computed" | "policy.updated"> = EventEnvelope<
  EventData<T>
>;

/** Policy and optimizer that a run or a step starts from. */
type RunStart = Pick<EventData<"run.started">, "policy" | "optimizer" | "parent">;

/** What the ledger says of a step that was learned from. */
export interface LearnedStep {
  readonly batch: Event<"batch.assembled">;
  readonly gradients: readonly Event<"gradient.computed">[];
  /** Null where the step was not learned to its end. */
  readonly update: Event<"policy.updated"> | null;
}

export class Learner {
  readonly #findings: Findings;
  readonly #start: RunStart;
  readonly #isLagging: boolean;
  readonly #decide: ReturnType<typeof decideLearner>;
  readonly #needs: ReturnType<typeof factNeeds>;
  readonly #steps = new Map<
    number,
    { step: LearnedStep; assemble: Command; learn: Command | null }
  >();

  private constructor(config: RunConfig, start: RunStart, findings: Findings) {
    this.#findings = findings;
    this.#start = start;
    this.#isLagging = config.rollout.policyLag > 0;
    const rules = learnerRules(config, start.parent);
    this.#decide = decideLearner(rules);
    this.#needs = factNeeds(rules);
  }

  /** Folds the learner's stream. */
  static async open(
    book: Book,
    run: string,
    { config, started }: { readonly config: RunConfig; readonly started: RunStart },
    findings: Findings,
  ): Promise<Learner> {
    const learner = new Learner(config, started, findings);
    const stream = streams.learner(run);
    const folded = foldCommands(learnerMachine, stream, await book.read(stream), findings);
    for (const [index, assemble] of folded.commands.entries()) {
      const [batch] = assemble.events;
      if (dataOf(batch, "batch.assembled") === null) continue;
      learner.#note(assemble, folded.commands[index + 1] ?? null);
    }
    return learner;
  }

  /** The steps that have a batch, in order. */
  get steps(): readonly LearnedStep[] {
    return [...this.#steps.values()].map(({ step }) => step);
  }

  stepOf(step: number): LearnedStep | null {
    return this.#steps.get(step)?.step ?? null;
  }

  /** Assembles the batch of a step again, and takes its update again. */
  replay(
    step: number,
    trajectories: readonly FoldedTrajectory[],
    rewards: ReadonlyMap<string, RecordedReward>,
  ): void {
    const known = this.#steps.get(step);
    if (known === undefined) return;
    const { batch, gradients } = known.step;
    const { policy, optimizer } = this.#before(known.step);
    const played = this.#isLagging ? trajectories[0]?.policy : undefined;
    const judged = this.#judged(trajectories, rewards);
    if (judged === null) {
      this.#findings.compare("batches", batch, "comes before all its trajectories were judged");
      return;
    }
    const facts = { id: batch.command, step, policy, played, optimizer, trajectories: judged };
    const assemble = { type: "assemble", ...facts } as const;
    const decision = this.#decide(assemble, known.assemble.before);
    compareDecision(this.#findings, "batches", known.assemble.events, decision);
    this.#compareTokens(known.step, trajectories);
    if (known.learn === null || known.step.update === null) return;
    const { policyAfter, optimizerAfter, optimizerStored } = known.step.update.data;
    const learned = {
      ...({ id: known.step.update.command, type: "learned", step } as const),
      gradients: gradients.map(({ data }) => data),
      ...{ policyAfter, optimizerAfter, optimizerStored },
    };
    const taken = this.#decide(learned, known.learn.before);
    compareDecision(this.#findings, "batches", known.learn.events, taken);
  }

  /**
   * What a step starts from: what the last one came to or, for the first, what the run began with.
   */
  #before({ batch: { data } }: LearnedStep): Pick<RunStart, "policy" | "optimizer"> {
    if (data.step === stepsBefore(this.#start) + 1) return this.#start;
    const update = this.stepOf(data.step - 1)?.update;
    if (update == null) return data;
    return { policy: update.data.policyAfter, optimizer: update.data.optimizerAfter };
  }

  /** What the learner was told of the trajectories; null where one was not judged. */
  #judged(
    trajectories: readonly FoldedTrajectory[],
    rewards: ReadonlyMap<string, RecordedReward>,
  ): ReturnType<typeof judgedTrajectories> | null {
    const judged = trajectories.flatMap(({ stream, group, sample, context, events }) => {
      const found = context.end === null ? undefined : rewards.get(stream);
      return found === undefined ? [] : [{ ...found, stream, group, sample, events }];
    });
    return judged.length < trajectories.length ? null : judgedTrajectories(judged, this.#needs);
  }

  /** N of every minibatch is the number of tokens that the model sampled in it. */
  #compareTokens(
    { batch, gradients }: LearnedStep,
    trajectories: readonly FoldedTrajectory[],
  ): void {
    const sampled = new Map(
      trajectories.map(({ stream, context }) => [
        stream,
        context.segments.reduce((sum, { logProbs }) => sum + (logProbs?.length ?? 0), 0),
      ]),
    );
    for (const [index, gradient] of gradients.entries()) {
      const members = batch.data.minibatches[index] ?? new Int32Array();
      const tokens = members.reduce(
        (sum, place) => sum + (sampled.get(batch.data.trajectories[place] ?? "") ?? 0),
        0,
      );
      const { minibatch, step, tokens: recorded } = gradient.data;
      const right = minibatch === index && step === batch.data.step && recorded === tokens;
      const words = `is minibatch ${minibatch} of step ${step} with ${recorded} tokens; it must be `;
      const must = `minibatch ${index} of step ${batch.data.step} with ${tokens} tokens`;
      this.#findings.compare("batches", gradient, right ? null : words + must);
    }
  }

  #note(assemble: Command, learn: Command | null): void {
    const batch = assemble.events[0] as Event<"batch.assembled">;
    const events = learn?.events ?? [];
    const gradients = events.filter(({ type }) => type === "gradient.computed");
    const update = events.find(({ type }) => type === "policy.updated") ?? null;
    const step = {
      batch,
      gradients: gradients as LearnedStep["gradients"],
      update: update as LearnedStep["update"],
    };
    this.#steps.set(batch.data.step, { step, assemble, learn });
  }
}
