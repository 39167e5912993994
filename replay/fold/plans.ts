// The plans of a run, decided again: which item comes next, with which policy and which tasks.
import {
  decideEvaluation,
  decideRun,
  evaluationMachine,
  evaluationsBefore,
  type Kept,
  keptOf,
  runMachine,
  runRules,
  summarize,
} from "../../actors/index.ts";
import { groupsPlayed, type RunConfig, restoreRunConfig } from "../../config/index.ts";
import {
  afterStep,
  type EventData,
  type EventEnvelope,
  ensureError,
  type HashName,
  type StepName,
  stepsBefore,
  streams,
  type Task,
} from "../../events/index.ts";
import type { BlobReader } from "../../storage/index.ts";
import { recordedSource, type TaskSource } from "../../tasks/index.ts";
import type { Book } from "./book.ts";
import { compareDecision } from "./decided.ts";
import type { Findings } from "./findings.ts";
import { dataOf, type FoldedCommand, foldCommands } from "./fold-commands.ts";
import type { JudgedAgain } from "./judge.ts";
import type { Learner } from "./learner.ts";
import type { FoldedTrajectory, PlannedTrajectory } from "./trajectory.ts";
import { unequal } from "./unequal.ts";

type Command = FoldedCommand<typeof runMachine>;

/** A step or an evaluation, as the run planned it. */
export interface Item {
  readonly name: StepName;
  /** The step itself or, of an evaluation, the last one planned before it; 0: none. */
  readonly step: number;
  /** The event that planned it. */
  readonly planned: EventEnvelope;
  readonly trajectories: readonly PlannedTrajectory[];
  /** What an evaluation's own stream says; empty for a step. */
  readonly evaluation: readonly FoldedCommand<typeof evaluationMachine>[];
}

export interface PlansOptions {
  readonly book: Book;
  readonly run: string;
  readonly findings: Findings;
  readonly blobs: Pick<BlobReader, "get">;
  /** Null where tasks are taken as they are recorded. */
  readonly tasksOf: (config: RunConfig) => Promise<TaskSource | null>;
  readonly pixelErrorMax: number | undefined;
}

export class Plans {
  readonly started: EventData<"run.started">;
  readonly config: RunConfig;
  /** What the run continues; null where its trajectories are new. */
  readonly kept: Kept | null;
  readonly #options: PlansOptions;
  readonly #commands: readonly Command[];
  readonly #rules: ReturnType<typeof runRules>;
  readonly #source: TaskSource | null;

  private constructor(
    options: PlansOptions,
    commands: readonly Command[],
    started: EventData<"run.started">,
    config: RunConfig,
    { kept, source }: { readonly kept: Kept | null; readonly source: TaskSource | null },
  ) {
    this.#options = options;
    this.#commands = commands;
    this.#rules = runRules(config, started.parent);
    this.#source = source;
    this.started = started;
    this.config = config;
    this.kept = kept;
  }

  /** Folds the run's stream; null, and a finding, where it does not say how it was started. */
  static async open(options: PlansOptions): Promise<Plans | null> {
    const { book, run, findings } = options;
    const stream = streams.run(run);
    const folded = foldCommands(runMachine, stream, await book.read(stream), findings);
    const started = dataOf(folded.commands[0]?.events[0], "run.started");
    const place = { stream, seq: 1 };
    if (started === null) {
      findings.compare("plans", place, "the run has no first event that can be read");
      return null;
    }
    try {
      const config = restoreRunConfig(started.config);
      const { seed } = started;
      const forked = afterStep(started);
      const stated = { seed, run: started.run, evaluations: forked?.evaluations };
      const evaluations = forked === null ? undefined : evaluationsBefore(config, forked.step);
      const reason = unequal(stated, { seed: config.run.seed, run, evaluations });
      findings.compare("plans", place, reason);
      const readBlob = (name: HashName) => options.blobs.get(name);
      const kept = await keptOf(started, readBlob);
      const source =
        kept === null ? await options.tasksOf(config) : recordedSource(kept.task, readBlob);
      return new Plans(options, folded.commands, started, config, { kept, source });
    } catch (thrown) {
      findings.compare("plans", place, ensureError(thrown).message);
      return null;
    }
  }

  /** Whether the tasks come from their source again. */
  get drawsTasks(): boolean {
    return this.#source !== null;
  }

  /** How many steps were planned. */
  get steps(): number {
    return this.#commands.filter(({ events: [event] }) => event?.type === "step.planned").length;
  }

  /**
   * The items in the order of the plan; those that `isCompared` names are decided again.
   * @param isCompared by the item's step
   */
  async *items(learner: Learner, isCompared: (step: number) => boolean): AsyncGenerator<Item> {
    let step = stepsBefore(this.started);
    for (const command of this.#commands.slice(1)) {
      const [planned] = command.events;
      if (planned === undefined) continue;
      const next = dataOf(planned, "step.planned")?.step ?? null;
      // Evaluations and the end take the newest policy, a step may take an older one.
      const source = next === null ? step : Math.max(0, next - 1 - this.#rules.policyLag);
      step = next ?? step;
      if (isCompared(step)) await this.#compare(command, source, learner);
      const item = await this.#itemOf(planned, step);
      if (item !== null) yield item;
    }
  }

  /** Compares what an evaluation came to. */
  async evaluation(item: Item, judged: JudgedAgain, played: readonly FoldedTrajectory[]) {
    const { findings } = this.#options;
    for (const { events, before } of item.evaluation) {
      const [event] = events;
      const id = event?.command ?? "";
      if (dataOf(event, "evaluation.started") !== null) {
        const started = await this.#startedOf(item, event as EventEnvelope);
        const decision = decideEvaluation({ id, type: "evaluate", started }, before);
        compareDecision(findings, "evaluations", events, decision);
      } else if (event !== undefined) {
        const outcomes = played.flatMap(({ task }, index) => {
          const outcome = judged.outcomes[index];
          return outcome == null ? [] : [{ ...outcome, task }];
        });
        const summary = summarize(outcomes, this.#options.pixelErrorMax);
        const decision = decideEvaluation({ id, type: "summarize", summary }, before);
        compareDecision(findings, "evaluations", events, decision);
      }
    }
  }

  /** @param source the step whose policy the item takes */
  async #compare({ events, before }: Command, source: number, learner: Learner): Promise<void> {
    const { findings } = this.#options;
    const [planned] = events;
    if (planned === undefined) return;
    const policy = this.#policyAfter(source, learner);
    if (policy === undefined) {
      findings.compare("plans", planned, `is planned before step ${source} was learned`);
      return;
    }
    const recorded = dataOf(planned, "step.planned");
    const tasks = recorded === null ? [] : await this.#tasksOf(recorded, planned);
    const item = before.context.planned - 1;
    const command = { id: planned.command, type: "advance", item, policy, tasks } as const;
    compareDecision(findings, "plans", events, decideRun(this.#rules)(command, before));
  }

  /** The policy that came out of `step`: of the run, or of what it goes on from. */
  #policyAfter(step: number, learner: Learner): HashName | undefined {
    const { policy } = this.started;
    const before = [policy, ...(afterStep(this.started)?.earlier ?? [])];
    return (
      before[stepsBefore(this.started) - step] ?? learner.stepOf(step)?.update?.data.policyAfter
    );
  }

  /** The tasks of a step: drawn again, and compared, where there is something to draw from. */
  async #tasksOf(
    { step, tasks }: EventData<"step.planned">,
    planned: EventEnvelope,
  ): Promise<readonly Task[]> {
    if (this.#source === null) return tasks;
    const groups = groupsPlayed(this.config);
    const drawn = await this.#source.training((step - 1) * groups, groups);
    const again = drawn.map(({ task }) => task);
    this.#options.findings.compare("tasks", planned, unequal({ tasks }, { tasks: again }));
    return tasks;
  }

  async #startedOf(
    { name, planned: { data } }: Item,
    event: EventEnvelope,
  ): Promise<EventData<"evaluation.started">> {
    const recorded = event.data as EventData<"evaluation.started">;
    const planned = this.#rules.plan.find(
      (item) => item.kind === "evaluation" && `e${item.evaluation}` === name,
    );
    if (planned?.kind !== "evaluation") return recorded;
    const { evaluation, set, first, tasks: count, samples, sampling } = planned;
    const { policy } = data as EventData<"evaluation.planned">;
    const facts = { evaluation, name: planned.name, policy, sampling, samples };
    if (this.#source === null) return { ...facts, tasks: recorded.tasks };
    const drawn = await this.#source.evaluation(set, count, first);
    return { ...facts, tasks: drawn.map(({ task }) => task) };
  }

  async #itemOf(planned: EventEnvelope, step: number): Promise<Item | null> {
    const { book, run, findings } = this.#options;
    const facts = dataOf(planned, "step.planned");
    if (facts !== null) {
      const trajectories = placesOf(run, facts.step, facts);
      return { name: facts.step, step, planned, trajectories, evaluation: [] };
    }
    const evaluation = dataOf(planned, "evaluation.planned");
    if (evaluation === null) return null;
    const name = `e${evaluation.evaluation}` as const;
    const stream = streams.evaluation(run, evaluation.evaluation);
    const folded = foldCommands(evaluationMachine, stream, await book.read(stream), findings);
    const { policy, sampling, samples } = evaluation;
    const tasks = folded.state.context.started?.tasks ?? [];
    const trajectories = placesOf(run, name, { policy, sampling, samples, tasks });
    return { name, step, planned, trajectories, evaluation: folded.commands };
  }
}

interface Order {
  readonly policy: HashName;
  readonly sampling: PlannedTrajectory["sampling"];
  readonly samples: number;
  readonly tasks: readonly Task[];
}

function placesOf(
  run: string,
  name: StepName,
  { policy, sampling, samples, tasks }: Order,
): PlannedTrajectory[] {
  return tasks.flatMap((task, group) =>
    Array.from({ length: samples }, (_, sample) => {
      const stream = streams.trajectory(run, name, group, sample);
      return { stream, group, sample, task, policy, sampling };
    }),
  );
}
